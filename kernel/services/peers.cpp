// SPDX-License-Identifier: BSD-2-Clause
#include <arch/page_table.hpp>
#include <exec/peers.hpp>
#include <services/peers.hpp>

namespace still::services {

namespace {

constexpr u32 the_group = 1;
constexpr std::string_view variable = "STILLCORE_SMARTMAP=";

// Digits at the front of text, which they are taken off. false: there are none, or too many.
bool take_number(std::string_view& text, u32& number)
{
    usize digits = 0;
    number = 0;
    for (; digits < text.size() && digits < 4 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
        number = number * 10 + static_cast<u32>(text[digits] - '0');
    text.remove_prefix(digits);
    return digits != 0;
}

bool parse(std::string_view text, Membership& wanted)
{
    if (!take_number(text, wanted.rank) || text.empty() || text.front() != '/')
        return false;
    text.remove_prefix(1);
    return take_number(text, wanted.size) && text.empty() && wanted.size <= STILL_MAX_PEERS &&
           wanted.rank < wanted.size;
}

} // namespace

Membership find_membership(const Client& client, const ExecRequest& request)
{
    const char* at = request.environment.data();
    for (u32 i = 0; i < request.environment.count(); ++i) {
        const std::string_view text(at);
        at += text.size() + 1;
        Membership wanted;
        if (!text.starts_with(variable) || !parse(text.substr(variable.size()), wanted))
            continue;
        wanted.is_member = !has_peer(the_group, wanted.rank, client.pid);
        return wanted;
    }
    return {};
}

void describe_membership(const Membership& wanted, still_proc_page& page)
{
    if (!wanted.is_member)
        return;
    if (!arch::five_levels())
        page.app[0].end = STILL_PEERS_END;
    page.peers_group = the_group;
    page.peers_rank = wanted.rank;
    page.peers_size = wanted.size;
}

} // namespace still::services
