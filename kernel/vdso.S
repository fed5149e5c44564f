/* SPDX-License-Identifier: BSD-2-Clause */
/* The vDSO, which programs see when there is no Linux: vdso/, services/vdso.cpp. */
.section .rodata
.balign 16
.globl still_vdso_start, still_vdso_end
still_vdso_start:
	.incbin STILL_VDSO
still_vdso_end:

.section .note.GNU-stack, "", @progbits
