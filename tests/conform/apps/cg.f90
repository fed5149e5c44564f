! SPDX-License-Identifier: BSD-2-Clause
!
! The conjugate-gradient kernel of the NAS parallel benchmarks, written after their specification (NAS technical report
! RNR-94-007, section 2.4): the smallest eigenvalue of a sparse symmetric matrix by the inverse power method. OpenMP.
!
!     cg [S|W|A]
!
! Sums are taken in the order of threads, so the digits depend on the number of threads, and on nothing else.
module cg_parts
  use, intrinsic :: iso_fortran_env, only: dp => real64, long => int64
  use omp_lib
  implicit none
  integer, parameter :: inner_steps = 25
  real(dp), parameter :: condition = 0.1_dp

  type :: problem
    character(len=1) :: name
    integer :: n, nonzeros, steps
    real(dp) :: shift, zeta
  end type

  type(problem), parameter :: problems(3) = [ &
    problem('S', 1400, 7, 15, 10.0_dp, 8.5971775078648_dp), &
    problem('W', 7000, 8, 15, 12.0_dp, 10.362595087124_dp), &
    problem('A', 14000, 11, 15, 20.0_dp, 17.130235054029_dp)]

  ! By rows; a row's columns ascend.
  type :: sparse
    integer :: n
    integer, allocatable :: row(:), column(:)
    real(dp), allocatable :: value(:)
  end type

  integer(long) :: state = 314159265_long
  real(dp), allocatable :: partial(:) ! of each thread

contains

  ! The generator of the specification: x = 5**13 x mod 2**46.
  real(dp) function random()
    integer(long), parameter :: factor = 1220703125_long, half = 2_long**23, modulus = 2_long**46
    integer(long) :: high, low
    low = mod(state, half)
    high = state / half
    state = mod(mod(factor * high, half) * half + factor * low, modulus)
    random = real(state, dp) / real(modulus, dp)
  end function

  ! A vector with that many elements at random places, and 1/2 at its own.
  subroutine sparse_vector(n, wanted, own, count, place, element)
    integer, intent(in) :: n, wanted, own
    integer, intent(out) :: count, place(:)
    real(dp), intent(out) :: element(:)
    integer :: power, i, k
    real(dp) :: e, where
    power = 1
    do while (power < n)
      power = 2 * power
    end do
    count = 0
    do while (count < wanted)
      e = random()
      where = random()
      i = int(power * where) + 1
      if (i > n) cycle
      if (any(place(1:count) == i)) cycle
      count = count + 1
      place(count) = i
      element(count) = e
    end do
    do k = 1, count
      if (place(k) == own) then
        element(k) = 0.5_dp
        return
      end if
    end do
    count = count + 1
    place(count) = own
    element(count) = 0.5_dp
  end subroutine

  ! The sum of weighted outer products of n such vectors, less the shift.
  subroutine make_matrix(what, a)
    type(problem), intent(in) :: what
    type(sparse), intent(out) :: a
    integer :: n, i, j, k, m, most, at
    integer, allocatable :: count(:), place(:, :), used(:), column(:)
    real(dp), allocatable :: element(:, :), value(:)
    integer(long), allocatable :: first(:)
    real(dp) :: weight, ratio, v
    n = what%n
    most = what%nonzeros + 1
    allocate(count(n), place(most, n), element(most, n), used(n), first(n + 1))
    do i = 1, n
      call sparse_vector(n, what%nonzeros, i, count(i), place(:, i), element(:, i))
    end do
    ! Room for each row as if no two products met.
    used = 0
    do i = 1, n
      do k = 1, count(i)
        used(place(k, i)) = used(place(k, i)) + count(i)
      end do
    end do
    first(1) = 1
    do i = 1, n
      first(i + 1) = first(i) + used(i)
    end do
    allocate(column(first(n + 1) - 1), value(first(n + 1) - 1))
    used = 0
    weight = 1
    ratio = condition**(1.0_dp / n)
    do i = 1, n
      do k = 1, count(i)
        j = place(k, i)
        do m = 1, count(i)
          v = element(m, i) * (weight * element(k, i))
          if (place(m, i) == j .and. j == i) v = v + condition - what%shift
          call add(column(first(j):), value(first(j):), used(j), place(m, i), v)
        end do
      end do
      weight = weight * ratio
    end do
    a%n = n
    allocate(a%row(n + 1), a%column(sum(used)), a%value(sum(used)))
    at = 1
    do i = 1, n
      a%row(i) = at
      a%column(at:at + used(i) - 1) = column(first(i):first(i) + used(i) - 1)
      a%value(at:at + used(i) - 1) = value(first(i):first(i) + used(i) - 1)
      at = at + used(i)
    end do
    a%row(n + 1) = at
  end subroutine

  ! Into a row whose columns ascend.
  subroutine add(column, value, used, c, v)
    integer, intent(inout) :: column(:), used
    real(dp), intent(inout) :: value(:)
    integer, intent(in) :: c
    real(dp), intent(in) :: v
    integer :: low, high, middle
    low = 1
    high = used + 1
    do while (low < high)
      middle = (low + high) / 2
      if (column(middle) < c) then
        low = middle + 1
      else
        high = middle
      end if
    end do
    if (low <= used) then
      if (column(low) == c) then
        value(low) = value(low) + v
        return
      end if
      column(low + 1:used + 1) = column(low:used)
      value(low + 1:used + 1) = value(low:used)
    end if
    column(low) = c
    value(low) = v
    used = used + 1
  end subroutine

  ! All of what follows is called by all threads. Which part of a vector is the caller's:
  subroutine part(n, from, to)
    integer, intent(in) :: n
    integer, intent(out) :: from, to
    integer :: me, all
    me = omp_get_thread_num()
    all = omp_get_num_threads()
    from = int(int(n, long) * me / all) + 1
    to = int(int(n, long) * (me + 1) / all)
  end subroutine

  real(dp) function dot(n, x, y)
    integer, intent(in) :: n
    real(dp), intent(in) :: x(n), y(n)
    integer :: from, to
    call part(n, from, to)
    !$omp barrier
    partial(omp_get_thread_num() + 1) = dot_product(x(from:to), y(from:to))
    !$omp barrier
    dot = sum(partial(1:omp_get_num_threads()))
  end function

  subroutine multiply(a, x, y)
    type(sparse), intent(in) :: a
    real(dp), intent(in) :: x(:)
    real(dp), intent(inout) :: y(:)
    integer :: from, to, i, k
    real(dp) :: total
    call part(a%n, from, to)
    !$omp barrier
    do i = from, to
      total = 0
      do k = a%row(i), a%row(i + 1) - 1
        total = total + a%value(k) * x(a%column(k))
      end do
      y(i) = total
    end do
    !$omp barrier
  end subroutine

  ! z: about the solution of a z = x. The norm of what is left.
  real(dp) function solve(a, x, z, p, q, r)
    type(sparse), intent(in) :: a
    real(dp), intent(in) :: x(:)
    real(dp), intent(inout) :: z(:), p(:), q(:), r(:)
    real(dp) :: rho, before, alpha, beta
    integer :: from, to, step
    call part(a%n, from, to)
    z(from:to) = 0
    r(from:to) = x(from:to)
    p(from:to) = x(from:to)
    rho = dot(a%n, r, r)
    do step = 1, inner_steps
      call multiply(a, p, q)
      alpha = rho / dot(a%n, p, q)
      z(from:to) = z(from:to) + alpha * p(from:to)
      r(from:to) = r(from:to) - alpha * q(from:to)
      before = rho
      rho = dot(a%n, r, r)
      beta = rho / before
      p(from:to) = r(from:to) + beta * p(from:to)
    end do
    call multiply(a, z, r)
    r(from:to) = x(from:to) - r(from:to)
    solve = sqrt(dot(a%n, r, r))
  end function

  ! One step of the power method: the eigenvalue, and the next x.
  subroutine power_step(a, shift, x, z, p, q, r, zeta, left)
    type(sparse), intent(in) :: a
    real(dp), intent(in) :: shift
    real(dp), intent(inout) :: x(:), z(:), p(:), q(:), r(:)
    real(dp), intent(out) :: zeta, left
    real(dp) :: along, length
    integer :: from, to
    left = solve(a, x, z, p, q, r)
    along = dot(a%n, x, z)
    length = dot(a%n, z, z)
    zeta = shift + 1 / along
    call part(a%n, from, to)
    x(from:to) = z(from:to) / sqrt(length)
    !$omp barrier
  end subroutine
end module

program cg
  use cg_parts
  implicit none
  type(problem) :: what
  type(sparse) :: a
  real(dp), allocatable, dimension(:) :: x, z, p, q, r
  real(dp) :: zeta, left, first, began, took, unused
  character(len=8) :: argument
  integer :: i, step
  argument = 'S'
  if (command_argument_count() > 0) call get_command_argument(1, argument)
  i = findloc(problems%name, argument(1:1), dim=1)
  if (i == 0) error stop 'usage: cg [S|W|A]'
  what = problems(i)
  allocate(partial(omp_get_max_threads()))
  unused = random() ! as the specification has it: the first number is not the matrix's
  call make_matrix(what, a)
  allocate(x(what%n), z(what%n), p(what%n), q(what%n), r(what%n))
  print '(a, a, a, i0, a, i0, a, i0, a)', 'class ', what%name, ': ', what%n, ' rows, ', size(a%value), &
    ' elements, ', omp_get_max_threads(), ' threads'
  first = 0
  x = 1
  !$omp parallel private(zeta, left, step)
  ! Once, for the caches, and then as if it had not been.
  call power_step(a, what%shift, x, z, p, q, r, zeta, left)
  !$omp single
  x = 1
  began = omp_get_wtime()
  !$omp end single
  do step = 1, what%steps
    call power_step(a, what%shift, x, z, p, q, r, zeta, left)
    !$omp master
    print '(i4, es14.6, es24.13e3)', step, left, zeta
    first = zeta
    !$omp end master
  end do
  !$omp end parallel
  took = omp_get_wtime() - began
  zeta = first
  print '(a, e20.13, a, es9.2)', 'zeta ', zeta, ', error ', abs(zeta - what%zeta) / what%zeta
  write (0, '(a, f0.3, a)') 'time ', took, ' s'
  if (abs(zeta - what%zeta) / what%zeta > 1.0e-10_dp) error stop 'WRONG'
  print '(a)', 'verified'
end program
