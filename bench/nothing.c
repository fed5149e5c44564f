/* SPDX-License-Identifier: BSD-2-Clause */
/* What micro starts, to see what a start takes. */
int main(void)
{
    return 0;
}
