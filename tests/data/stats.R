# SPDX-License-Identifier: MIT
# Writes the values that tests/unit/test_stats.c holds harness/stats against:
#   Rscript tests/data/stats.R >tests/data/stats.txt
# A line is a name and numbers. "sample NAME x..." comes before what R says of it; "second NAME y..."
# is another sample, for what is said of both.
options(digits = 17)
put <- function(...) cat(..., "\n", sep = " ")
num <- function(x) paste(sprintf("%.17g", x), collapse = " ")
set.seed(20261123)

samples <- list(
	five = rnorm(5, 0.01, 0.02), six = rnorm(6, 0.1, 0.05), seven = rt(7, 3) / 50,
	eight = rnorm(8, -0.2, 0.1), ten = rt(10, 3) / 100, eleven = rnorm(11, 1, 0.4),
	twenty = c(rnorm(18, 0.02, 0.01), 0.6, -0.4), forty = rt(40, 2) / 30,
	forty_nine = rnorm(49, 0.003, 0.02)
)
five <- function(x) {
	s <- sort(x)
	c(s[1] - 0.3 * (s[2] - s[1]), s[5] + 0.3 * (s[5] - s[4]))
}
for (name in names(samples)) {
	x <- samples[[name]]
	put("sample", name, num(x))
	put("median", name, num(median(x)))
	for (p in c(0, 0.05, 0.25, 0.5, 0.9, 0.99, 1))
		put("quantile", name, num(c(p, quantile(x, p, type = 7))))
	w <- suppressWarnings(wilcox.test(x, conf.int = TRUE, conf.level = 0.95, exact = TRUE))
	put("estimate", name, num(w$estimate))
	if (length(x) >= 6) {
		put("interval", name, num(w$conf.int[1:2]))
		put("p", name, num(w$p.value))
		n <- length(x)
		put("level", name, num(1 - 2 * psignrank(qsignrank(0.025, n) - 1, n)))
	} else {
		ci <- five(x)
		put("interval", name, num(ci))
		e <- w$estimate
		reach <- if (e > 0) e - ci[1] else ci[2] - e
		put("p", name, num(2 * pt(-qt(0.975, 4) * abs(e) / reach, 4)))
		put("level", name, num(0.95))
	}
}
for (n in 1:4) {
	p <- list(c(0.04), c(0.01, 0.04), c(0.03, 0.001, 0.02), c(0.5, 0.01, 0.013, 0.9))[[n]]
	put("sample", paste0("holm", n), num(p))
	put("holm", paste0("holm", n), num(p.adjust(p, "holm")))
}
for (df in c(1:9, 19, 50, 999)) {
	put("sample", paste0("t", df), num(df))
	for (t in c(0, 0.3, 1, 2.5, 7))
		put("tails", paste0("t", df), num(c(t, 2 * pt(-t, df))))
	put("beyond", paste0("t", df), num(c(0.05, qt(0.975, df))))
	put("beyond", paste0("t", df), num(c(0.001, qt(0.9995, df))))
}
# The change between two runs, by R's own estimates and intervals of each: Zou and Donner 2008.
own <- function(x) {
	w <- suppressWarnings(wilcox.test(x, conf.int = TRUE, conf.level = 0.95, exact = TRUE))
	ci <- if (length(x) >= 6) w$conf.int else five(x)
	c(w$estimate, ci[1:2])
}
for (pair in list(c("five", "six"), c("six", "five"), c("ten", "twenty"), c("forty", "seven"),
		  c("eleven", "forty_nine"), c("forty", "forty_nine"))) {
	a <- own(samples[[pair[1]]])
	b <- own(samples[[pair[2]]])
	d <- b[1] - a[1]
	low <- d - sqrt((b[1] - b[2])^2 + (a[3] - a[1])^2)
	high <- d + sqrt((b[3] - b[1])^2 + (a[1] - a[2])^2)
	df <- min(length(samples[[pair[1]]]), length(samples[[pair[2]]])) - 1
	t <- qt(0.975, df) * abs(d) / (if (d > 0) d - low else high - d)
	put("sample", pair[1], num(samples[[pair[1]]]))
	put("second", pair[1], num(samples[[pair[2]]]))
	put("change", pair[1], num(c(d, low, high, 2 * pt(-t, df))))
}
