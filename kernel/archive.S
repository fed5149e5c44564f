/* SPDX-License-Identifier: BSD-2-Clause */
/* The archive that is linked into the image: the built-in initial task, or what was chosen in its place; or nothing. */
.section .rodata
.balign 16
.globl still_archive_start, still_archive_end
still_archive_start:
#ifdef STILL_ARCHIVE
	.incbin STILL_ARCHIVE
#endif
still_archive_end:

.section .note.GNU-stack, "", @progbits
