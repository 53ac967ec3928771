/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log-normal model of a link's rate, fitted by moments: if a rate has mean m and variance v, then ln(rate) is taken
X */
#ifndef FLOWGAUGE_LOGNORMAL_H
#define FLOWGAUGE_LOGNORMAL_H

struct lognormal {
	double mean;          /* of the rate; 0: the link is idle, and mu and sigma_squared are 0 too */
	double mu;            /* of ln(rate in bytes/s) */
	double sigma_squared; /* 0: the rate is constant */
};

struct lognormal lognormal_fit(double mean, double variance);
/* The share of time that the model spends over `limit`. An idle or constant link is over it or it is not. */
double lognormal_above(const struct lognormal *model, double limit);
/* The share at or under `rate`. */
double lognormal_below(const struct lognormal *model, double rate);
/* The rate that is exceeded for the share of time for which a standard normal variable exceeds `z`. */
double lognormal_at(const struct lognormal *model, double z);

#endif
