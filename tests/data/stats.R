# SPDX-License-Identifier: MIT
# Writes the values that tests/unit/test_stats.c holds harness/stats against:
#   Rscript tests/data/stats.R >tests/data/stats.txt
# A line is a name and numbers. "sample NAME x..." comes before what R says of it.
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
		s <- t.test(x)
		put("interval", name, num(s$conf.int[1:2]))
		put("p", name, num(s$p.value))
		put("level", name, num(0.95))
	}
}
for (n in 1:4) {
	p <- list(c(0.04), c(0.01, 0.04), c(0.03, 0.001, 0.02), c(0.5, 0.01, 0.013, 0.9))[[n]]
	put("sample", paste0("holm", n), num(p))
	put("holm", paste0("holm", n), num(p.adjust(p, "holm")))
}
