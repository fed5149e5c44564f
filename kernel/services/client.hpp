// SPDX-License-Identifier: BSD-2-Clause
// A process as the services know it: what Linux would know of a proxy. Its memory, threads and signals are the
// LWK's (exec/process.hpp); its number, relatives, files and end are here.
#pragma once

#include <services/open_file.hpp>

namespace still::services {

struct MappedRange;

// A file that is mapped privately: the LWK names it by number (STILL_CALL_MAP_FILE).
struct FileHandle {
    NodeRef node;
    u32 number = 0;
    FileHandle* next = nullptr;
};

// What the LWK has of one program: a process of its own, by its handle, from execve or fork to the next execve or the
// end. Its first page and slots, which Linux would lend, and what of Linux's is mapped in its memory.
struct Image {
    u32 handle = 0;
    Frame* area = nullptr; // 4 pages
    Frame* more_slots[STILL_MAX_CHUNKS] = {};
    SpinLock lock;
    FileHandle* files = nullptr;
    u32 next_file = 1;
    Mutex ranges_lock;
    MappedRange* ranges = nullptr; // memory whose home is here: shared_memory.cpp
    [[nodiscard]] still_proc_page& page() const;
};
[[nodiscard]] Image* make_image(); // nullptr: no memory, or no place
void destroy_image(Image* image);  // the LWK has released its process
[[nodiscard]] Image* find_image(u32 handle);
// STILL_MSG_SLOTS_GROW.
Result<u64> grow_slots(Image& image, u64 chunk);
[[nodiscard]] Status copy_image_files(const Image& from, Image& to);

constexpr u32 num_limits = 16;
enum Limit : u32 {
    limit_cpu = 0,
    limit_fsize = 1,
    limit_data = 2,
    limit_stack = 3,
    limit_core = 4,
    limit_rss = 5,
    limit_nproc = 6,
    limit_nofile = 7,
    limit_memlock = 8,
    limit_as = 9,
    limit_msgqueue = 12,
    limit_nice = 13,
    limit_rtprio = 14
};

// Of a thread that gave itself another name than its process has (prctl(2)).
struct ThreadName {
    u32 tid = 0;
    char name[16] = {};
    ThreadName* next = nullptr;
};

// Where a process's paths start, and what new files may not have.
struct Location {
    NodeRef directory;
    u32 umask = 022;
};

struct Client {
    enum class State : u8 { alive, ending, zombie };

    void retain() { refs.fetch_add(1, std::memory_order_relaxed); }
    void release();

    std::atomic<u32> refs{1};
    // Under clients_lock.
    Client* next = nullptr; // of all
    Client* parent = nullptr;
    u32 pid = 0, group = 0, session = 0;
    State state = State::alive;
    u32 status = 0;       // as wait4(2) gives it
    u32 exit_signal = 0;  // to the parent; 0: none
    bool stopped = false; // by job control
    u32 stop_signal = 0;
    bool tell_stop = false, tell_go_on = false; // news for the parent's wait
    bool has_executed = false;                  // since it was forked
    u64 sigchld_flags = 0;                      // SA_NOCLDSTOP, SA_NOCLDWAIT of its SIGCHLD
    bool ignores_children = false;              // SIGCHLD is SIG_IGN
    u64 ignored_tty = 0;                        // SIGTTIN, SIGTTOU that are ignored
    WaitQueue children;                         // something is to be told of a child of it
    u64 used_ns = 0, children_ns = 0, children_rss = 0, children_faults = 0, faults = 0, peak_rss = 0;

    // The LWK's process: a guest (vfork) has its host's image, and a slot there.
    Image* image = nullptr;
    Process* lwk = nullptr; // until it is released, or its program replaced
    bool is_guest = false;
    u32 guest_slot = 0;
    std::atomic<bool> guest_done{false}; // it has executed or ended
    WaitQueue guest_end;

    // Its own threads' only, or under its lock.
    SpinLock lock;
    Descriptors* descriptors = nullptr;
    Location location; // the directory under names_lock
    still_limit limits[num_limits];
    Text exe_path, arguments, environment;
    NodeRef exe;
    char name[16] = {}; // of the main thread
    ThreadName* thread_names = nullptr;
    u64 auxv[64] = {};
    u32 auxv_words = 0;
    u64 stack_start = 0, start_code = 0, end_code = 0;
    u64 started_ns = 0;
    u64 exec_ignored = 0, exec_mask = 0, exec_affinity[STILL_MAX_CPUS / 64] = {};
    u64 personality = 0;
    u64 death_signal = 0, keep = 0, no_new_privs = 0, timer_slack = 50000, dumpable = 1, subreaper = 0,
        no_thp = 0;
    i32 nice = 0;
    u32 io_priority = 0;
    // Alarm (ITIMER_REAL): ns of the monotonic clock, 0: none. Under timers' lock.
    u64 alarm_due = 0, alarm_interval = 0;
};
using ClientRef = Ref<Client>;

extern SpinLock clients_lock; // before exec's process table lock; not held while anything waits
extern Client* all_clients;
extern Client* initial_client;
extern WaitQueue releases; // a client has become a zombie, or the machine is about to end

[[nodiscard]] inline Client& current_client()
{
    return *static_cast<Client*>(current_task().owner->served);
}
// A thread's name; it takes one of its own; it has none any more. tid 0: all of them.
void get_thread_name(Client& client, u32 tid, char (&name)[16]);
bool set_thread_name(Client& client, u32 tid, const char (&name)[16]); // false: no memory
void forget_thread_names(Client& client, u32 tid);
[[nodiscard]] Client* find_client(u32 pid) REQUIRES(clients_lock);
[[nodiscard]] ClientRef hold_client(u32 pid) EXCLUDES(clients_lock);
[[nodiscard]] u32 take_id() EXCLUDES(clients_lock); // of a process or a thread

// Calls use(Process&) if the client has one that is not released. No lock of exec's is held before.
template <class Use> bool with_process(Client& client, Use&& use) EXCLUDES(clients_lock)
{
    LockGuard guard(clients_lock);
    if (client.lwk == nullptr || client.state != Client::State::alive)
        return false;
    use(*client.lwk);
    return true;
}

// New, not yet among the others; nullptr: no memory.
[[nodiscard]] Client* make_client();
void enter_client(Client& client, Client* parent) EXCLUDES(clients_lock);
// No longer among the others: its number is free.
void forget_client(Client& client) EXCLUDES(clients_lock);
void become_zombie(Client& client) EXCLUDES(clients_lock);

// Its end: files are closed now, memory when its threads have left; then it is a zombie. status: as wait4(2) has it.
void end_client(Client& client, u32 status);
// Has the LWK release an image's process soon; then, whichever there is: the client is a zombie, or its new program
// starts.
struct Release {
    Image* image = nullptr;
    ClientRef ends;
    ClientRef starts;
    u64 entry = 0, stack = 0;
    Release* next = nullptr;
};
void release_later(Release* release) EXCLUDES(clients_lock);
bool start_helper(); // that releases processes and rings alarms; false: no memory

// Signals from one process to others.
Status signal_client(Client& client, const SignalInfo& info) EXCLUDES(clients_lock);
void signal_group(u32 group, const SignalInfo& info) EXCLUDES(clients_lock);
void stop_client(Client& client, u32 signo) EXCLUDES(clients_lock);
void continue_client(Client& client) EXCLUDES(clients_lock);
[[nodiscard]] bool is_orphaned_group(u32 group) EXCLUDES(clients_lock);

// STILL_CALL_IDENTIFY: the task's number, as soon as somebody knows it.
Result<u64> identify(Task& task);
// From now on the LWK's requests are answered here.
void answer_locally();

// A message to the LWK, as Linux would send it: its answer, and the answer's word.
Result<u64> tell_lwk(u32 kind, u32 handle, u64 a0 = 0, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0,
                     u64* word = nullptr);

} // namespace still::services
