# SPDX-License-Identifier: BSD-2-Clause
"""LWK images that are wrong in one way each, made from the good one."""
import struct

NOTE_NAME = b"Stillcore\0"


def _note(image):
    """File offset of struct still_image_note (include/stillcore/image.h)."""
    at = image.index(NOTE_NAME)
    return at + (len(NOTE_NAME) + 3) // 4 * 4


def of_revision(image, revision):
    image = bytearray(image)
    struct.pack_into("<I", image, _note(image) + 8, revision)
    return bytes(image)


def _loads(image):
    """(file offset, physical address, bytes in the file) of each PT_LOAD."""
    (offset,), (size, count) = struct.unpack_from("<Q", image, 32), struct.unpack_from("<HH", image, 54)
    for at in range(offset, offset + size * count, size):
        kind, _, file_offset, _, paddr, file_size, _, _ = struct.unpack_from("<IIQQQQQQ", image, at)
        if kind == 1:
            yield file_offset, paddr, file_size


def truncated(image):
    """Without the last byte that has to be loaded (debug information lies behind it)."""
    return image[:max(offset + size for offset, _, size in _loads(image)) - 1]


def that_never_answers(image):
    """The first instructions become: cli; hlt; jmp back."""
    image = bytearray(image)
    (entry,) = struct.unpack_from("<Q", image, _note(image) + 16)
    for file_offset, paddr, file_size in _loads(image):
        if paddr <= entry < paddr + file_size:
            start = file_offset + entry - paddr
            image[start:start + 4] = b"\xfa\xf4\xeb\xfc"
            return bytes(image)
    raise AssertionError("no segment holds the entry")
