# SPDX-License-Identifier: BSD-2-Clause
# bash completion for ihkosctl, ihkconfig and mcexec. Install as
# /usr/share/bash-completion/completions/ihkosctl, with links of the names ihkconfig and mcexec.

_stillcore_instances()
{
    local node
    for node in /dev/ihk[0-9]*; do
        [[ -e $node ]] && printf '%s\n' "${node#/dev/ihk}"
    done
}

_ihkosctl()
{
    local cur=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]} words=
    if ((COMP_CWORD == 1)); then
        words="up down reboot status top metrics $(_stillcore_instances)"
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == @(--image|--config|load) || ${COMP_WORDS[2]} == dump && $cur != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    else
        case $first in
        up) words="--cpus --mem --image --kargs --config --ikc-map --os --timeout-ms" ;;
        reboot) words="--image --kargs --config --timeout-ms $(_stillcore_instances)" ;;
        status) words="--json $(_stillcore_instances)" ;;
        top) words="--interval --count $(_stillcore_instances)" ;;
        down) words=$(_stillcore_instances) ;;
        *)
            if ((COMP_CWORD == 2)); then
                words="assign release query load kargs boot shutdown get set kmsg clear_kmsg drop_cache"
                words+=" freeze thaw dump inject"
            else
                case ${COMP_WORDS[2]} in
                assign | release | query) words="cpu mem" ;;
                get) words="status health calls ikc_map usage" ;;
                set) words="ikc_map" ;;
                kmsg) words="-f" ;;
                dump) words="--level" ;;
                inject) words="panic page-fault double-fault hang hang-on hang-nmi idle bad-cells late-cpu no-shutdown" ;;
                esac
            fi
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

_ihkconfig()
{
    local cur=${COMP_WORDS[COMP_CWORD]} words=
    case $COMP_CWORD in
    1) words=0 ;;
    2) words="create destroy reserve release query get" ;;
    3)
        case ${COMP_WORDS[2]} in
        reserve | release | query) words="cpu mem" ;;
        destroy) words=$(_stillcore_instances) ;;
        get) words="os_instances accounts" ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

_mcexec()
{
    local cur=${COMP_WORDS[COMP_CWORD]} i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -c | --os | --memory | --poll-us) ((i++)) ;;
        -* | /dev/ihk*) ;;
        *)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
            ;;
        esac
    done
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "-c --stats --os --memory --poll-us --help" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
    fi
}

complete -o filenames -F _ihkosctl ihkosctl
complete -F _ihkconfig ihkconfig
complete -o filenames -F _mcexec mcexec
