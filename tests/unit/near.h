/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubles within a bound, whichever of the absolute and the relative one is wider. Include cmocka.h first. */
#ifndef FLOWGAUGE_NEAR_H
#define FLOWGAUGE_NEAR_H

#include <math.h>

static inline void assert_near(double value, double truth, double absolute, double relative)
{
	double bound = fmax(absolute, fabs(truth) * relative);

	if (!(fabs(value - truth) <= bound))
		fail_msg("%.17g is not within %g of %.17g", value, bound, truth);
}

#endif
