// SPDX-License-Identifier: BSD-2-Clause
// Where requests arrive: in the thread that makes them.
#include <arch/layout.hpp>
#include <array>
#include <debug/log.hpp>
#include <exec/process_table.hpp>
#include <mm/frame_allocator.hpp>
#include <offload/ikc.hpp>
#include <services/calls.hpp>
#include <services/server.hpp>
#include <services/shared_memory.hpp>

namespace still::services {

namespace {

using Handler = Served (*)(Client&, const Args&);

constexpr u32 num_linux_calls = 512, num_own_calls = 0x50;

struct Handlers {
    std::array<Handler, num_linux_calls> linux{};
    std::array<Handler, num_own_calls> own{};
};

constexpr Handlers make_handlers()
{
    Handlers h{};
    const auto set = [&h](u32 nr, Handler handler) {
        if (nr < num_linux_calls)
            h.linux[nr] = handler;
        else
            h.own[nr - STILL_CALL_FIRST] = handler;
    };
#define SERVE(nr, name) set(nr, serve_##name);
#include <services/calls.def>
#undef SERVE
    // Numbers that are another's in all that matters here.
    set(75, serve_fsync);                      // fdatasync
    set(104, serve_getuid);                    // getgid
    set(106, serve_setuid);                    // setgid
    set(107, serve_getuid);                    // geteuid
    set(108, serve_getuid);                    // getegid
    set(114, serve_setreuid);                  // setregid
    set(119, serve_setresuid);                 // setresgid
    set(120, serve_getresuid);                 // getresgid
    set(123, serve_setfsuid);                  // setfsgid
    set(52, serve_getsockname);                // getpeername
    for (const u32 nr : {43u, 49u, 50u, 288u}) // accept, bind, listen, accept4
        set(nr, serve_on_socket);
    for (u32 nr = 188; nr <= 199; ++nr) // setxattr to fremovexattr, by path, by link and by descriptor
        set(nr, (nr - 188) % 3 == 2 ? serve_file_attribute : serve_path_attribute);
    for (const u32 nr : {143u, 144u, 145u, 148u, 314u, 315u}) // sched_getparam to sched_getattr
        set(nr, serve_sched_of_other);
    set(150, serve_mlock); // munlock
    set(325, serve_mlock); // mlock2
    return h;
}

constinit const Handlers handlers = make_handlers();

constexpr auto make_names()
{
    std::array<const char*, num_linux_calls> t{};
#define STILL_LOCAL(nr, name) t[nr] = #name;
#define STILL_FORWARD(nr, name) t[nr] = #name;
#define STILL_OFFLOAD(nr, name) t[nr] = #name;
#define STILL_UNSUPPORTED(nr, name, reason) t[nr] = #name;
#include <stillcore/syscalls.def>
#undef STILL_LOCAL
#undef STILL_FORWARD
#undef STILL_OFFLOAD
#undef STILL_UNSUPPORTED
    return t;
}
constexpr auto names = make_names();
std::array<std::atomic<bool>, num_linux_calls> told;

Served not_served(const Client& client, u32 nr)
{
    if (nr < num_linux_calls && names[nr] != nullptr && !told[nr].exchange(true))
        log("pid {} called {}: ENOSYS, it is not served without Linux", client.pid, names[nr]);
    return fail(Errno::nosys);
}

Served serve(Task& task, u32 nr, const Args& args)
{
    if (nr == STILL_CALL_IDENTIFY)
        return identify(task);
    if (task.owner->served == nullptr) // it goes before it could ask who it is
        return fail(unanswered);
    Client& client = current_client();
    Handler handler = nullptr;
    if (nr < num_linux_calls)
        handler = handlers.linux[nr];
    else if (nr - STILL_CALL_FIRST < num_own_calls)
        handler = handlers.own[nr - STILL_CALL_FIRST];
    return handler != nullptr ? handler(client, args) : not_served(client, nr);
}

// The request in the current thread's slot.
void serve_slot()
{
    Task& task = current_task();
    still_slot& slot = *task.slot.shared();
    const u32 nr = slot.nr & ~(STILL_CALL_BLOCKS_TTIN | STILL_CALL_BLOCKS_TTOU);
    Args args;
    __builtin_memcpy(args, slot.arg, sizeof(args));
    const Served result = serve(task, nr, args);
    // Whose process ends is not answered: the LWK takes it away.
    if (!result &&
        (result.error() == unanswered || (result.error() == Errno::intr && task.owner->dying.load())))
        return;
    slot.result = result ? static_cast<i64>(*result) : -static_cast<i64>(result.error());
    __atomic_store_n(&slot.answer_seq, slot.seq, __ATOMIC_RELEASE);
}

struct Answer {
    i64 status = 0;
    u64 word = 0;
};

void close_file(Image& image, u32 number)
{
    FileHandle* gone = nullptr;
    {
        LockGuard guard(image.lock);
        for (FileHandle** at = &image.files; *at != nullptr; at = &(*at)->next) {
            if ((*at)->number != number)
                continue;
            gone = *at;
            *at = gone->next;
            break;
        }
    }
    if (gone != nullptr)
        destroy(gone);
}

void take_message(const still_msg& m)
{
    switch (m.kind) {
    case STILL_MSG_PROXY_WAKE:
        serve_slot();
        return;
    case STILL_MSG_REPLY: {
        // SAFETY: the token is what tell_lwk() below has given, in this thread.
        auto* answer = reinterpret_cast<Answer*>(m.token);
        answer->status = static_cast<i64>(m.arg[0]);
        answer->word = m.arg[1];
        return;
    }
    case STILL_MSG_SIGNAL_NEWS:
        signal_news();
        return;
    case STILL_MSG_FILE_CLOSE:
        if (Image* image = find_image(m.proc); image != nullptr)
            close_file(*image, static_cast<u32>(m.arg[0]));
        return;
    default: // interruptions: who waits here looks itself
        return;
    }
}

NodeRef file_of_handle(Image& image, u64 number)
{
    LockGuard guard(image.lock);
    for (FileHandle* f = image.files; f != nullptr; f = f->next)
        if (f->number == number)
            return f->node;
    return {};
}

Result<u64> fill(Image& image, const still_msg& m, u64* key)
{
    const NodeRef node = file_of_handle(image, m.arg[0]);
    if (!node || m.arg[3] > page_size_2m * 512)
        return fail(Errno::inval);
    const u64 before = node->data.key();
    const u64 bytes =
        TRY(node->data.read(m.arg[1], Buffer::of_kernel(arch::direct(PhysAddr(m.arg[2]))), m.arg[3]));
    if (key != nullptr)
        *key = node->data.key() == before ? before : 0;
    return bytes;
}

Result<u64> ask(const still_msg& m, u64* extra)
{
    Image* image = find_image(m.proc);
    if (image == nullptr)
        return fail(Errno::srch);
    switch (m.kind) {
    case STILL_MSG_ZAP:
        if (extra != nullptr)
            *extra = 0;
        return 0; // nobody else maps it
    case STILL_MSG_FILL:
        return fill(*image, m, extra);
    case STILL_MSG_FILE_KEY: {
        const NodeRef node = file_of_handle(*image, m.arg[0]);
        if (extra != nullptr)
            *extra = node ? node->data.key() : 0;
        return 0;
    }
    case STILL_MSG_MIRROR:
        TRY_STATUS(mirror_page(*image, m.arg[0], m.arg[1] != 0));
        return 0;
    case STILL_MSG_SLOTS_GROW:
        *extra = TRY(grow_slots(*image, m.arg[0]));
        return 0;
    default:
        return fail(Errno::nosys);
    }
}

} // namespace

Result<u64> tell_lwk(u32 kind, u32 handle, u64 a0, u64 a1, u64 a2, u64 a3, u64* word)
{
    Answer answer;
    still_msg m{};
    m.kind = kind;
    m.proc = handle;
    m.token = reinterpret_cast<u64>(&answer);
    m.arg[0] = a0;
    m.arg[1] = a1;
    m.arg[2] = a2;
    m.arg[3] = a3;
    handle_deferred(m);
    if (word != nullptr)
        *word = answer.word;
    if (answer.status < 0)
        return fail(static_cast<Errno>(-answer.status));
    return static_cast<u64>(answer.status);
}

void answer_locally()
{
    ikc::serve_locally({take_message, ask});
}

} // namespace still::services
