/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What glibc and gcc's crtbeginS.o call only if it is there, and is not, has the address 0. No call instruction of
 * mcexec's, which lies far above, reaches that, though it is never executed; so here is a function that does nothing,
 * in whose place the linker takes the true one if something else needs that.
 */
.text
.irp name, __call_tls_dtors, __cxa_finalize, __glibc_tls_internal_free, __mq_notify_fork_subprocess, \
	__nss_database_fork_prepare_parent, __nss_database_fork_subprocess, __pthread_initialize_minimal, \
	__timer_fork_subprocess
.weak \name
.type \name, @function
\name:
.endr
	ret

.section .note.GNU-stack, "", @progbits
