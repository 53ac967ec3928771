/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure/lognormal.h"

#include <math.h>

struct lognormal lognormal_fit(double mean, double variance)
{
	struct lognormal model = { .mean = mean };

	if (!(mean > 0))
		return model;
	/* log1p keeps the digits of a variance that is small beside the mean's square. */
	model.sigma_squared = log1p(variance / mean / mean);
	model.mu = log(mean) - model.sigma_squared / 2;
	return model;
}

/* How many deviations `rate`, over 0, lies above the middle of the model. */
static double standard(const struct lognormal *model, double rate)
{
	return (log(rate) - model->mu) / sqrt(model->sigma_squared);
}

double lognormal_above(const struct lognormal *model, double limit)
{
	if (!(model->sigma_squared > 0))
		return model->mean > limit;
	if (!(limit > 0))
		return 1;
	/* erfc, and not 1 - Φ: small risks keep their digits. */
	return erfc(standard(model, limit) * M_SQRT1_2) / 2;
}

double lognormal_below(const struct lognormal *model, double rate)
{
	if (!(model->sigma_squared > 0))
		return model->mean <= rate;
	if (!(rate > 0))
		return 0;
	return erfc(-standard(model, rate) * M_SQRT1_2) / 2;
}

double lognormal_at(const struct lognormal *model, double z)
{
	if (!(model->sigma_squared > 0))
		return model->mean;
	return exp(model->mu + sqrt(model->sigma_squared) * z);
}
