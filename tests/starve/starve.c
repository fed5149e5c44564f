// SPDX-License-Identifier: BSD-2-Clause
/*
 * For tests: lets one call fail that stillcore.ko makes to get something of Linux (memory, a thread, a mapping, a CPU),
 * as if Linux were short of it. Which one, `nth` says, counted from when it is written; `failed` then names it.
 * A kprobe at the start of each such function looks who called: text_start and text_end are stillcore.ko's.
 */
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static unsigned long text_start, text_end;
static int nth; /* 0: none */
static char failed[64];
static atomic_t left;

static int set_nth(const char* value, const struct kernel_param* param)
{
    int ret = param_set_int(value, param);

    if (!ret) {
        failed[0] = '\0';
        atomic_set(&left, nth);
    }
    return ret;
}

static const struct kernel_param_ops nth_ops = {.set = set_nth, .get = param_get_int};

module_param(text_start, ulong, 0600);
module_param(text_end, ulong, 0600);
module_param_cb(nth, &nth_ops, &nth, 0600);
module_param_string(failed, failed, sizeof(failed), 0400);

void starve_return(void);
asm(".pushsection .text\n"
    ".type starve_return, @function\n"
    "starve_return:\n\t" ASM_RET ".size starve_return, . - starve_return\n"
    ".popsection\n");
STACK_FRAME_NON_STANDARD_FP(starve_return);

struct place {
    const char* names[3]; /* as kernels call it; the first that is there */
    long result;
    struct kprobe probe;
};

#define NO_MEMORY (-ENOMEM)
static struct place places[] = {
    {{"__kmalloc", "__kmalloc_noprof"}, 0},
    {{"kmalloc_trace", "__kmalloc_cache_noprof"}, 0},
    {{"kvmalloc_node", "__kvmalloc_node_noprof"}, 0},
    {{"vmalloc", "vmalloc_noprof"}, 0},
    {{"alloc_pages", "alloc_pages_noprof"}, 0},
    {{"__alloc_pages", "__alloc_pages_noprof"}, 0},
    {{"alloc_pages_exact", "alloc_pages_exact_noprof"}, 0},
    {{"alloc_workqueue", "alloc_workqueue_noprof"}, 0},
    {{"alloc_contig_range", "alloc_contig_range_noprof"}, NO_MEMORY},
    {{"mmu_interval_notifier_insert"}, NO_MEMORY},
    {{"vm_mmap"}, NO_MEMORY},
    {{"__xa_alloc_cyclic"}, NO_MEMORY},
    {{"cdev_device_add"}, NO_MEMORY},
    {{"request_threaded_irq"}, NO_MEMORY},
    {{"irq_domain_alloc_irqs_parent"}, NO_MEMORY},
    {{"get_user_pages"}, NO_MEMORY},
    {{"fsnotify_add_mark"}, NO_MEMORY},
    {{"remove_cpu"}, -EBUSY},
    {{"alloc_anon_inode"}, NO_MEMORY},
    {{"alloc_file_pseudo"}, NO_MEMORY},
    {{"file_open_root"}, NO_MEMORY},
    {{"anon_inode_getfile"}, NO_MEMORY},
    {{"get_unused_fd_flags"}, -EMFILE},
    {{"kthread_create_on_node"}, NO_MEMORY},
};

/* The function has not begun: its return address is what the stack pointer points at. */
static int on_call(struct kprobe* probe, struct pt_regs* regs)
{
    struct place* place = container_of(probe, struct place, probe);
    unsigned long caller = *(unsigned long*)regs->sp;

    if (caller < READ_ONCE(text_start) || caller >= READ_ONCE(text_end) || atomic_read(&left) <= 0 ||
        atomic_dec_return(&left) != 0)
        return 0;
    snprintf(failed, sizeof(failed), "%s from %ps", probe->symbol_name, (void*)caller);
    regs->ax = place->result;
    regs->ip = (unsigned long)starve_return;
    return 1;
}
NOKPROBE_SYMBOL(on_call);

/* There only so that the probe is not optimized into a jump, which can't change where it leads. */
static void after_call(struct kprobe* probe, struct pt_regs* regs, unsigned long flags) {}

static int __init starve_init(void)
{
    unsigned int i, name;
    int ret, placed = 0;

    for (i = 0; i < ARRAY_SIZE(places); i++) {
        struct kprobe* probe = &places[i].probe;

        for (name = 0; name < ARRAY_SIZE(places[i].names) && places[i].names[name]; name++) {
            memset(probe, 0, sizeof(*probe));
            probe->symbol_name = places[i].names[name];
            probe->pre_handler = on_call;
            probe->post_handler = after_call;
            ret = register_kprobe(probe);
            if (!ret)
                break;
            probe->symbol_name = NULL;
        }
        placed += probe->symbol_name != NULL;
    }
    pr_info("starve: watches %d of %zu functions\n", placed, ARRAY_SIZE(places));
    return 0;
}

static void __exit starve_exit(void)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(places); i++)
        if (places[i].probe.symbol_name)
            unregister_kprobe(&places[i].probe);
}

module_init(starve_init);
module_exit(starve_exit);
MODULE_DESCRIPTION("Failure injection for tests of Stillcore");
MODULE_LICENSE("Dual BSD/GPL");
