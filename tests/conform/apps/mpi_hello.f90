! SPDX-License-Identifier: BSD-2-Clause
! Each rank computes a part of pi with its OpenMP threads; rank 0 tells the sum.
program hello
  use mpi
  implicit none
  integer :: ierr, rank, ranks, i, provided
  integer, parameter :: steps = 200000
  real(8) :: part, pi, x
  call MPI_Init_thread(MPI_THREAD_FUNNELED, provided, ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call MPI_Comm_size(MPI_COMM_WORLD, ranks, ierr)
  part = 0
  !$omp parallel do private(x) reduction(+:part)
  do i = rank + 1, steps, ranks
    x = (i - 0.5d0) / steps
    part = part + 4 / (1 + x * x)
  end do
  !$omp end parallel do
  call MPI_Reduce(part, pi, 1, MPI_DOUBLE_PRECISION, MPI_SUM, 0, MPI_COMM_WORLD, ierr)
  if (rank == 0) print '(A, I3, A, F14.10)', 'hello from', ranks, ' ranks:', pi / steps
  call MPI_Finalize(ierr)
end program
