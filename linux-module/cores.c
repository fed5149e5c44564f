// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts to CPUs outside of Linux, through the apic driver that Linux uses. Always physical
 * destinations. In xAPIC mode a send is two register writes that nothing on this CPU may come between.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <asm/apic.h>
#include <asm/barrier.h>
#include <asm/processor.h>
#include <stillcore/ikc.h>

#include "cores.h"
#include "os.h"

static void send(u32 apic_id, u32 command)
{
	unsigned long flags;

	local_irq_save(flags);
	weak_wrmsr_fence(); /* x2APIC: the write does not wait for earlier stores */
	if (apic->wait_icr_idle)
		apic->wait_icr_idle();
	apic->icr_write(command, apic_id);
	if (apic->wait_icr_idle)
		apic->wait_icr_idle();
	local_irq_restore(flags);
}

void still_core_doorbell(u32 apic_id)
{
	send(apic_id, APIC_DM_FIXED | STILL_VECTOR_DOORBELL);
}

static void assert_init(const struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < os->num_cores; i++)
		send(os->cores[i].apic_id, APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT);
}

static void deassert_init(const struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < os->num_cores; i++)
		send(os->cores[i].apic_id, APIC_INT_LEVELTRIG | APIC_DM_INIT);
}

/* As smp_quirk_init_udelay() of Linux's: the pause is the MP specification's, for CPUs with a separate APIC. */
static bool init_takes_time(void)
{
	switch (boot_cpu_data.x86_vendor) {
	case X86_VENDOR_INTEL:
		return boot_cpu_data.x86 < 6 || boot_cpu_data.x86 == 15;
	case X86_VENDOR_AMD:
		return boot_cpu_data.x86 < 15;
	case X86_VENDOR_HYGON:
		return false;
	default:
		return true;
	}
}

/*
 * All cores of the instance wait for a SIPI afterwards: none of them touches memory any more. One that does not is
 * given the time that the specification names, whatever it is.
 */
void still_cores_init(const struct still_os *os, bool parked)
{
	assert_init(os);
	if (!parked || init_takes_time())
		usleep_range(10000, 11000);
	deassert_init(os);
}

void still_core_init(u32 apic_id)
{
	send(apic_id, APIC_INT_LEVELTRIG | APIC_INT_ASSERT | APIC_DM_INIT);
	usleep_range(10000, 11000);
	send(apic_id, APIC_INT_LEVELTRIG | APIC_DM_INIT);
}

void still_cores_init_at_once(const struct still_os *os)
{
	assert_init(os);
	deassert_init(os);
}

void still_core_nmi(u32 apic_id)
{
	send(apic_id, APIC_INT_ASSERT | APIC_DM_NMI);
}

/* Each says what it does, and may be made to stay there: see freeze.c. */
void still_cores_nmi(const struct still_os *os)
{
	unsigned int i;

	for (i = 0; i < os->num_cores; i++)
		still_core_nmi(os->cores[i].apic_id);
}

void still_core_start(u32 apic_id, phys_addr_t trampoline)
{
	send(apic_id, APIC_DM_STARTUP | (trampoline >> 12));
}
