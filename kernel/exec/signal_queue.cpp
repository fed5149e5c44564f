// SPDX-License-Identifier: BSD-2-Clause
#include <exec/signal_queue.hpp>

namespace still {

void SignalQueue::settle(u32 signo)
{
    const bool waits = standard_[signo - 1].signo != 0 || lists_[signo - 1].first != nullptr;
    const u64 set = waits ? set_ | signal_bit(signo) : set_ & ~signal_bit(signo);
    __atomic_store_n(&set_, set, __ATOMIC_RELAXED);
}

void SignalQueue::add(const SignalInfo& info)
{
    if ((set_ & signal_bit(info.signo)) != 0)
        return;
    standard_[info.signo - 1] = info;
    settle(info.signo);
}

void SignalQueue::append(QueuedSignal& node)
{
    List& list = lists_[node.info.signo - 1];
    node.next = nullptr;
    node.queued = true;
    (list.first == nullptr ? list.first : list.last->next) = &node;
    list.last = &node;
    settle(node.info.signo);
}

QueuedSignal* SignalQueue::take(u32 signo, SignalInfo& info)
{
    // What lies in the queue itself came when the list was empty: it is the oldest.
    SignalInfo& own = standard_[signo - 1];
    QueuedSignal* node = nullptr;
    if (own.signo != 0) {
        info = own;
        own = {};
    } else {
        List& list = lists_[signo - 1];
        node = list.first;
        list.first = node->next;
        node->queued = false;
        info = node->info;
    }
    settle(signo);
    return node;
}

void SignalQueue::discard(u64 set, QueuedSignal*& freed)
{
    for (u64 left = set & set_; left != 0; left &= left - 1) {
        const u32 signo = static_cast<u32>(__builtin_ctzll(left)) + 1;
        while ((set_ & signal_bit(signo)) != 0) {
            SignalInfo ignored;
            if (QueuedSignal* node = take(signo, ignored); node != nullptr) {
                node->next = freed;
                freed = node;
            }
        }
    }
}

bool SignalQueue::look(u32 n, SignalInfo& info) const
{
    for (u64 left = set_; left != 0; left &= left - 1) {
        const u32 signo = static_cast<u32>(__builtin_ctzll(left)) + 1;
        if (standard_[signo - 1].signo != 0 && n-- == 0) {
            info = standard_[signo - 1];
            return true;
        }
        for (const QueuedSignal* node = lists_[signo - 1].first; node != nullptr; node = node->next) {
            if (n-- == 0) {
                info = node->info;
                return true;
            }
        }
    }
    return false;
}

void SignalQueue::remove(QueuedSignal& node)
{
    List& list = lists_[node.info.signo - 1];
    QueuedSignal* before = nullptr;
    for (QueuedSignal* at = list.first; at != nullptr; before = at, at = at->next) {
        if (at != &node)
            continue;
        (before == nullptr ? list.first : before->next) = node.next;
        if (list.last == &node)
            list.last = before;
        node.queued = false;
        settle(node.info.signo);
        return;
    }
}

} // namespace still
