# SPDX-License-Identifier: BSD-2-Clause
"""What tools/still is made of."""
