// SPDX-License-Identifier: BSD-2-Clause
// /sys/devices/system/cpu/cpuN/topology: each CPU is a core of its own, all of one package, as /proc/cpuinfo has it.
#include <mm/frame_allocator.hpp>
#include <services/proc.hpp>

namespace still::services {

namespace {

// For CPU node.id; all: those of its package.
void put_mask(TextBuffer& out, u64 one, bool all)
{
    for (u32 word = (num_cpus() + 31) / 32; word-- > 0;) {
        const u32 bits = min(num_cpus() - word * 32, 32u);
        const u64 whole = (1ull << bits) - 1;
        const u64 mine = one / 32 == word ? 1ull << one % 32 : 0;
        out.put_number(all ? whole : mine, 16, (bits + 3) / 4);
        out.put(word != 0 ? ',' : '\n');
    }
}

bool put_zero_line(Node&, TextBuffer& out)
{
    out.put("0\n");
    return true;
}
bool put_own_number(Node& node, TextBuffer& out)
{
    format_to(out, "{}\n", node.id);
    return true;
}
bool put_own_mask(Node& node, TextBuffer& out)
{
    put_mask(out, node.id, false);
    return true;
}
bool put_mask_of_all(Node&, TextBuffer& out)
{
    put_mask(out, 0, true);
    return true;
}
bool put_list_of_all(Node&, TextBuffer& out)
{
    format_to(out, num_cpus() > 1 ? "0-{}\n" : "{}\n", num_cpus() - 1);
    return true;
}

constexpr NodeOps text(bool (*generate)(Node&, TextBuffer&))
{
    return {.generate = generate, .drop = drop_parent};
}
constinit const NodeOps zero_ops = text(put_zero_line), number_ops = text(put_own_number),
                        mask_ops = text(put_own_mask), all_mask_ops = text(put_mask_of_all),
                        all_list_ops = text(put_list_of_all);

struct Row {
    std::string_view name;
    const NodeOps* ops;
};
constexpr Row rows[] = {
    {"core_cpus", &mask_ops},
    {"core_cpus_list", &number_ops},
    {"core_id", &number_ops},
    {"core_siblings", &all_mask_ops},
    {"core_siblings_list", &all_list_ops},
    {"die_cpus", &all_mask_ops},
    {"die_cpus_list", &all_list_ops},
    {"die_id", &zero_ops},
    {"package_cpus", &all_mask_ops},
    {"package_cpus_list", &all_list_ops},
    {"physical_package_id", &zero_ops},
    {"thread_siblings", &mask_ops},
    {"thread_siblings_list", &number_ops},
};
constexpr u64 num_rows = sizeof(rows) / sizeof(rows[0]);

Result<Node*> look_up_row(Node& dir, std::string_view name)
{
    for (const Row& row : rows)
        if (row.name == name)
            return make_shown(dir, name, mode_file | 0444, *row.ops, dir.id, 0);
    return fail(Errno::noent);
}

bool list_rows(Node& dir, u64 index, Listed& out)
{
    if (index >= num_rows)
        return false;
    out.name = rows[index].name;
    out.ino = 0x30000000 + dir.id * 64 + index;
    out.mode = mode_file;
    return true;
}

constinit const NodeOps topology_ops = {.look_up = look_up_row, .list = list_rows};

} // namespace

bool make_topology()
{
    char room[80], more_room[40];
    for (u32 i = 0; i < num_cpus(); ++i) {
        TextBuffer path(room);
        format_to(path, "/sys/devices/system/cpu/cpu{}/topology", i);
        if (put_node(path.view(), mode_dir | 0555, &topology_ops, i) == nullptr)
            return false;
        const u32 number = cpu(CpuId(i)).arch.node.value;
        TextBuffer link(room), target(more_room);
        format_to(link, "/sys/devices/system/cpu/cpu{}/node{}", i, number);
        format_to(target, "../../node/node{}", number);
        Node* node = put_node(link.view(), mode_link | 0777, nullptr);
        if (node == nullptr || !node->target.assign(target.view()))
            return false;
    }
    return true;
}

} // namespace still::services
