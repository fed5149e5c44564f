// SPDX-License-Identifier: GPL-2.0-only
/* How Linux runs its CPUs, read from one before it is taken. The LWK is to run them the same way. */
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/special_insns.h>

#include "compat.h"
#include "cores.h"

struct still_cpu_state still_linux_cpu_state;

static u64 read_msr_if(bool present, u32 msr)
{
	u64 value;

	if (!present || rdmsrq_safe(msr, &value))
		return 0;
	return value;
}

static void capture(void *into)
{
	struct still_cpu_state *state = into;

	memset(state, 0, sizeof(*state));
	state->cr0 = read_cr0();
	state->cr4 = __read_cr4();
	state->efer = read_msr_if(true, MSR_EFER);
	state->pat = read_msr_if(true, MSR_IA32_CR_PAT);
	if (boot_cpu_has(X86_FEATURE_OSXSAVE))
		state->xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	state->xss = read_msr_if(boot_cpu_has(X86_FEATURE_XSAVES), MSR_IA32_XSS);
	state->misc_enable =
		read_msr_if(boot_cpu_data.x86_vendor == X86_VENDOR_INTEL, MSR_IA32_MISC_ENABLE);
	state->spec_ctrl = read_msr_if(boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL), MSR_IA32_SPEC_CTRL);
	state->mtrr_def_type = read_msr_if(boot_cpu_has(X86_FEATURE_MTRR), MSR_MTRRdefType);
}

/* Once is enough: Linux's CPUs don't differ. */
void still_capture_cpu_state(unsigned int cpu)
{
	if (!still_linux_cpu_state.cr0)
		smp_call_function_single(cpu, capture, &still_linux_cpu_state, 1);
}
