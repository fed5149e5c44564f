# SPDX-License-Identifier: BSD-2-Clause
"""How the initial task ends, by itself or by a fault, and what the machine does then."""
from machines import assert_passed, machine, pvh, run


def test_a_fault_shows_registers_and_a_backtrace_and_the_machine_powers_off():
    ran = run([*machine(), *pvh("quiet -- /init --fault")])
    assert not ran.timed_out and ran.status == 128 + 11
    assert ran.log(r"the initial task \(tid 1\) has a fault: signal 11")
    assert ran.log("rip [0-9a-f]+ ") and ran.log("r13 ") and ran.log("backtrace:")
    assert ran.log("the initial task was ended by signal 11")
    assert "dead000" in ran.console


def test_it_starts_again_if_so_configured():
    ran = run([*machine(), *pvh("end=restart -- /init --fault")], until="starts again")
    assert ran.log("the initial task was ended by signal 11")
    assert ran.log("the initial task starts again")


def test_a_reboot_ends_a_machine_that_must_not_reboot():
    ran = run([*machine(), *pvh("end=reboot -- /init tasks")])
    assert not ran.timed_out
    assert_passed(ran, ["task management"])


def test_halt_stays():
    ran = run([*machine(), *pvh("end=halt -- /init tasks")], timeout=3)
    assert ran.timed_out and ran.log("halted")


def test_power_off_by_acpi_where_there_is_no_emulators_exit():
    argv = machine()
    exit_device = argv.index("isa-debug-exit,iobase=0xf4,iosize=4")
    ran = run([*argv[:exit_device - 1], *argv[exit_device + 1:], *pvh("-- /init tasks")], timeout=30)
    assert not ran.timed_out, "the machine stays on"
    assert_passed(ran, ["task management"])


def test_a_program_that_is_not_there_is_said():
    ran = run([*machine(), *pvh("quiet -- /nothing")])
    assert ran.status == 127
    assert "the initial task /nothing can't be started" in ran.console
