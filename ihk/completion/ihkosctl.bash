# SPDX-License-Identifier: BSD-2-Clause
# bash completion for ihkosctl, ihkconfig, ihkmond and mcexec. Install as
# /usr/share/bash-completion/completions/ihkosctl, with links of the other names.

_stillcore_instances()
{
    local node
    for node in /dev/ihk[0-9]*; do
        [[ -e $node ]] && printf '%s\n' "${node#/dev/ihk}"
    done
}

# Offers those of the words that begin as what is typed does.
_stillcore_offer()
{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_stillcore_offer_files()
{
    mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

# What follows the number of an instance.
_ihkosctl_steps()
{
    if ((COMP_CWORD == 2)); then
        _stillcore_offer "assign release query load kargs boot shutdown get set kmsg clear_kmsg drop_cache
            freeze thaw dump inject"
        return
    fi
    case ${COMP_WORDS[2]} in
    assign | release) _stillcore_offer "cpu mem" ;;
    query) _stillcore_offer "cpu mem --json" ;;
    get) _stillcore_offer "status health calls usage ikc_map --json" ;;
    set) _stillcore_offer "ikc_map" ;;
    boot | shutdown) _stillcore_offer "--timeout-ms" ;;
    kmsg) _stillcore_offer "--follow" ;;
    inject)
        _stillcore_offer "panic page-fault double-fault hang hang-on hang-nmi idle bad-cells late-cpu no-shutdown"
        ;;
    load) _stillcore_offer_files ;;
    dump)
        if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --level ]]; then
            _stillcore_offer "kernel full"
        elif [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
            _stillcore_offer "--level"
        else
            _stillcore_offer_files
        fi
        ;;
    esac
}

_ihkosctl()
{
    if ((COMP_CWORD == 1)); then
        _stillcore_offer "up down reboot status top metrics $(_stillcore_instances)"
        return
    fi
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(--image|--config) ]]; then
        _stillcore_offer_files
        return
    fi
    case ${COMP_WORDS[1]} in
    up) _stillcore_offer "--cpus --mem --image --kargs --config --ikc-map --os --timeout-ms" ;;
    reboot) _stillcore_offer "--image --kargs --config --timeout-ms $(_stillcore_instances)" ;;
    status) _stillcore_offer "--json $(_stillcore_instances)" ;;
    top) _stillcore_offer "--interval --count $(_stillcore_instances)" ;;
    down) _stillcore_offer "$(_stillcore_instances)" ;;
    metrics) ;;
    *) _ihkosctl_steps ;;
    esac
}

_ihkconfig()
{
    case $COMP_CWORD in
    1) _stillcore_offer 0 ;;
    2) _stillcore_offer "create destroy reserve release query get" ;;
    *)
        case ${COMP_WORDS[2]} in
        reserve | release) _stillcore_offer "cpu mem" ;;
        query) _stillcore_offer "cpu mem --json" ;;
        destroy) _stillcore_offer "$(_stillcore_instances)" ;;
        get) _stillcore_offer "os_instances accounts --json" ;;
        esac
        ;;
    esac
}

_ihkmond()
{
    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --config ]]; then
        _stillcore_offer_files
    else
        _stillcore_offer "--config --interval-ms"
    fi
}

_mcexec()
{
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c | -n | --rank | --os | --memory | --poll-us) ((i++)) ;;
        -* | /dev/ihk*) ;;
        *)
            _stillcore_offer_files
            return
            ;;
        esac
    done
    if [[ ${COMP_WORDS[COMP_CWORD]} == -* ]]; then
        _stillcore_offer "-c -n --rank --smartmap --stats --os --memory --poll-us --help"
    else
        mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
    fi
}

complete -o filenames -F _ihkosctl ihkosctl
complete -F _ihkconfig ihkconfig
complete -o filenames -F _ihkmond ihkmond
complete -o filenames -F _mcexec mcexec
