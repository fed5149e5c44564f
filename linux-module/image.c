// SPDX-License-Identifier: GPL-2.0-only
/* The LWK image: an ELF file that is believed only after each field was checked. */
#include <linux/elf.h>
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <stillcore/image.h>

#include "image.h"
#include "text.h"

static const struct elf64_phdr *segments(const struct still_image *image, unsigned int *count)
{
	const struct elf64_hdr *header = image->file;

	*count = header->e_phnum;
	return image->file + header->e_phoff;
}

static int check_header(const struct still_image *image, char *text)
{
	const struct elf64_hdr *header = image->file;
	size_t size = image->file_size, end;

	if (size < sizeof(*header))
		return still_fail(text, -ENOEXEC, "image: %zu bytes are too few for an ELF header",
				  size);
	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return still_fail(text, -ENOEXEC, "image: not an ELF file");
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return still_fail(text, -ENOEXEC, "image: not a 64-bit x86 ELF file");
	if (header->e_type != ET_EXEC)
		return still_fail(text, -ENOEXEC, "image: ELF type %u, an executable (2) is needed",
				  header->e_type);
	if (header->e_phentsize != sizeof(struct elf64_phdr) || !header->e_phnum ||
	    header->e_phnum > 64)
		return still_fail(
			text, -ENOEXEC,
			"image: %u program headers of %u bytes: 1 to 64 of %zu are possible",
			header->e_phnum, header->e_phentsize, sizeof(struct elf64_phdr));
	if (header->e_phoff % 8 ||
	    check_add_overflow((size_t)header->e_phoff, header->e_phnum * sizeof(struct elf64_phdr),
			       &end) ||
	    end > size)
		return still_fail(text, -ENOEXEC,
				  "image: the program headers lie beyond the end: truncated?");
	return 0;
}

static int check_bounds(const struct still_image *image, unsigned int i, char *text)
{
	const struct elf64_phdr *segment = image->file + ((struct elf64_hdr *)image->file)->e_phoff;
	u64 end;

	segment += i;
	if (check_add_overflow(segment->p_offset, segment->p_filesz, &end) ||
	    end > image->file_size)
		return still_fail(text, -ENOEXEC,
				  "image: segment %u lies beyond the end of the file: truncated?",
				  i);
	if (segment->p_type != PT_LOAD)
		return 0;
	if (segment->p_filesz > segment->p_memsz)
		return still_fail(text, -ENOEXEC,
				  "image: segment %u: file size %llu above memory size %llu", i,
				  segment->p_filesz, segment->p_memsz);
	if (check_add_overflow(segment->p_paddr, segment->p_memsz, &end))
		return still_fail(text, -ENOEXEC, "image: segment %u: address %#llx + %#llx wraps",
				  i, segment->p_paddr, segment->p_memsz);
	return 0;
}

static bool overlap(const struct elf64_phdr *a, const struct elf64_phdr *b)
{
	return a->p_paddr < b->p_paddr + b->p_memsz && b->p_paddr < a->p_paddr + a->p_memsz;
}

static int check_segments(struct still_image *image, char *text)
{
	const struct elf64_phdr *segment;
	u64 lowest = ~0ull, highest = 0;
	unsigned int count, i, j;
	int ret;

	segment = segments(image, &count);
	for (i = 0; i < count; i++) {
		ret = check_bounds(image, i, text);
		if (ret)
			return ret;
		if (segment[i].p_type != PT_LOAD || !segment[i].p_memsz)
			continue;
		lowest = min(lowest, segment[i].p_paddr);
		highest = max(highest, segment[i].p_paddr + segment[i].p_memsz);
		for (j = 0; j < i; j++)
			if (segment[j].p_type == PT_LOAD && segment[j].p_memsz &&
			    overlap(&segment[i], &segment[j]))
				return still_fail(text, -ENOEXEC,
						  "image: segments %u and %u overlap", j, i);
	}
	if (!highest)
		return still_fail(text, -ENOEXEC, "image: nothing to load");
	if (highest - lowest > STILL_IMAGE_MAX_SIZE)
		return still_fail(text, -ENOEXEC,
				  "image: spans %llu KiB, at most %llu are possible",
				  (highest - lowest) >> 10, STILL_IMAGE_MAX_SIZE >> 10);
	image->lowest = lowest;
	image->span = highest - lowest;
	return 0;
}

/* Looks through one PT_NOTE segment, whose bounds are checked. */
static const struct still_image_note *find_note(const void *notes, size_t size)
{
	while (size >= sizeof(struct elf64_note)) {
		const struct elf64_note *note = notes;
		u64 name = ALIGN((u64)note->n_namesz, 4), desc = ALIGN((u64)note->n_descsz, 4);
		u64 length = sizeof(*note) + name + desc;

		if (length > size)
			return NULL;
		if (note->n_type == STILL_NOTE_IMAGE && note->n_namesz == sizeof(STILL_NOTE_NAME) &&
		    !memcmp(note + 1, STILL_NOTE_NAME, sizeof(STILL_NOTE_NAME)) &&
		    note->n_descsz >= sizeof(struct still_image_note))
			return notes + sizeof(*note) + name;
		notes += length;
		size -= length;
	}
	return NULL;
}

static int check_entry(struct still_image *image, u64 entry, char *text)
{
	const struct elf64_phdr *segment;
	unsigned int count, i;

	segment = segments(image, &count);
	for (i = 0; i < count; i++)
		if (segment[i].p_type == PT_LOAD && (segment[i].p_flags & PF_X) &&
		    entry >= segment[i].p_paddr &&
		    entry - segment[i].p_paddr < segment[i].p_filesz) {
			image->entry = entry;
			return 0;
		}
	return still_fail(text, -ENOEXEC, "image: the entry %#llx is in no executable segment",
			  entry);
}

static int check_note(struct still_image *image, char *text)
{
	struct still_image_note copy;
	const struct still_image_note *note = NULL;
	const struct elf64_phdr *segment;
	unsigned int count, i;

	segment = segments(image, &count);
	for (i = 0; i < count && !note; i++)
		if (segment[i].p_type == PT_NOTE)
			note = find_note(image->file + segment[i].p_offset, segment[i].p_filesz);
	if (!note)
		return still_fail(text, -ENOEXEC,
				  "image: no Stillcore note: this is not an LWK image");
	memcpy(&copy, note, sizeof(copy)); /* notes are aligned to 4 only */
	if (copy.magic != STILL_MAGIC)
		return still_fail(text, -ENOEXEC, "image: wrong magic %#llx in the Stillcore note",
				  copy.magic);
	if (copy.revision != STILL_REVISION)
		return still_fail(
			text, -ENOEXEC,
			"image: built for revision %u of the interface, this module has %u",
			copy.revision, STILL_REVISION);
	return check_entry(image, copy.entry_paddr, text);
}

struct still_image *still_image_parse(void *file, size_t size, char *text)
{
	struct still_image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	int ret;

	if (!image) {
		vfree(file);
		return ERR_PTR(-ENOMEM);
	}
	image->file = file;
	image->file_size = size;
	ret = check_header(image, text);
	if (!ret)
		ret = check_segments(image, text);
	if (!ret)
		ret = check_note(image, text);
	if (!ret)
		return image;
	still_image_free(image);
	return ERR_PTR(ret);
}

void still_image_free(struct still_image *image)
{
	if (!image)
		return;
	vfree(image->file);
	kfree(image);
}

/* base has room for span bytes. */
void still_image_place(const struct still_image *image, void *base)
{
	const struct elf64_phdr *segment;
	unsigned int count, i;

	memset(base, 0, image->span);
	segment = segments(image, &count);
	for (i = 0; i < count; i++)
		if (segment[i].p_type == PT_LOAD)
			memcpy(base + (segment[i].p_paddr - image->lowest),
			       image->file + segment[i].p_offset, segment[i].p_filesz);
}
