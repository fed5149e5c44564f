// SPDX-License-Identifier: BSD-2-Clause
// The services come up, and the initial task.
#include <arch/rtc.hpp>
#include <debug/log.hpp>
#include <sched/clock.hpp>
#include <services/archive.hpp>
#include <services/devices.hpp>
#include <services/proc.hpp>
#include <services/program.hpp>
#include <services/random.hpp>
#include <services/server.hpp>
#include <services/terminal.hpp>
#include <services/vdso.hpp>

namespace still::services {

namespace {

Result<FileRef> open_console()
{
    NodeRef node;
    {
        LockGuard guard(names_lock);
        node = NodeRef::share(console_node());
    }
    return open_node(node, o_rdwr);
}

Status give_console(Client& client)
{
    client.descriptors = make<Descriptors>();
    const FileRef console = TRY(open_console());
    if (client.descriptors == nullptr)
        return fail(Errno::nomem);
    for (u32 fd = 0; fd < 3; ++fd)
        TRY(client.descriptors->add(console, false, fd, max_descriptors));
    return {};
}

void set_limits(Client& client)
{
    client.limits[limit_nofile] = {1024, max_descriptors};
    client.limits[limit_stack] = {8 * MiB, ~0ull};
    client.limits[limit_core] = {0, ~0ull};
    client.limits[limit_nproc] = {1024, 1024};
    client.limits[limit_memlock] = {8 * MiB, 8 * MiB};
    client.limits[limit_msgqueue] = {819200, 819200};
    client.limits[limit_nice] = client.limits[limit_rtprio] = {0, 0};
}

} // namespace

const char* start(const u8* archive, u64 archive_bytes, const u64 (&seed)[4])
{
    seed_random(seed);
    if (const u64 seconds = arch::read_rtc(); seconds != 0)
        set_realtime(seconds * 1'000'000'000);
    answer_locally();
    if (!start_helper())
        return "no memory for the services' thread";
    const char* wrong = archive_bytes != 0 ? unpack_archive(archive, archive_bytes) : nullptr;
    LockGuard guard(names_lock);
    if (wrong == nullptr && !make_vdso())
        wrong = "no memory for the vDSO";
    if (wrong == nullptr && !make_devices())
        wrong = "no memory for /dev";
    if (wrong == nullptr && !make_proc())
        wrong = "no memory for /proc";
    return wrong;
}

Status start_initial_task(const char* path, const char* const* argv, const char* const* envp)
{
    ClientRef client(make_client());
    if (!client)
        return fail(Errno::nomem);
    set_limits(*client);
    client->pid = client->group = client->session = take_id();
    client->location.directory = NodeRef::share(&root_node());
    TRY_STATUS(give_console(*client));
    ExecRequest request;
    TRY_STATUS(request.path.assign(path));
    request.start = NodeRef::share(&root_node());
    for (; *argv != nullptr; ++argv)
        TRY_STATUS(request.arguments.append(*argv));
    for (; *envp != nullptr; ++envp)
        TRY_STATUS(request.environment.append(*envp));
    const Prepared next = TRY(prepare_program(*client, request));
    auto* release = make<Release>();
    if (release == nullptr)
        return fail(Errno::nomem);
    client->image = next.image;
    client->lwk = next.lwk;
    client->has_executed = true;
    next.lwk->served = client.get();
    release->starts = client;
    release->entry = next.entry;
    release->stack = next.stack;
    client->retain(); // among the others
    enter_client(*client, nullptr);
    initial_client = client.get();
    start_terminal(*client);
    client->retain(); // for who waits for its end
    release_later(release);
    return {};
}

u32 wait_for_initial_task()
{
    WaitQueue::Waiter self{&current_thread()};
    releases.add(self);
    for (;;) {
        {
            LockGuard guard(clients_lock);
            if (initial_client->state == Client::State::zombie)
                break;
        }
        park();
    }
    releases.remove(self);
    return initial_client->status;
}

} // namespace still::services
