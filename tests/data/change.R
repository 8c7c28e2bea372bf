# SPDX-License-Identifier: MIT
# Why harness/stats/change.h combines the runs' own intervals: how often four ways to put a 95 %
# interval around the change between two runs miss it, and how wide they are. Prints the table of
# docs/compare.md:
#   Rscript tests/data/change.R
set.seed(20261126)
pairs <- 3000

# A run's own estimate and interval, as harness/stats/location.h has them.
own <- function(x) {
	n <- length(x)
	walsh <- outer(x, x, "+") / 2
	walsh <- sort(walsh[upper.tri(walsh, TRUE)])
	if (n == 5) {
		s <- sort(x)
		return(c(median(walsh), s[1] - 0.3 * (s[2] - s[1]), s[5] + 0.3 * (s[5] - s[4])))
	}
	cut <- qsignrank(0.025, n)
	c(median(walsh), walsh[cut], walsh[length(walsh) - cut + 1])
}
combined <- function(x, y) {
	a <- own(x)
	b <- own(y)
	d <- b[1] - a[1]
	d + c(-sqrt((b[1] - b[2])^2 + (a[3] - a[1])^2), sqrt((b[3] - b[1])^2 + (a[1] - a[2])^2))
}
rank_sum <- function(x, y) {
	d <- sort(outer(y, x, "-"))
	cut <- qwilcox(0.025, length(x), length(y))
	c(d[cut], d[length(d) - cut + 1])
}
yuen <- function(x, y, trim = 0.2) {
	of <- function(x) {
		n <- length(x)
		g <- floor(trim * n)
		w <- pmin(pmax(x, sort(x)[g + 1]), sort(x)[n - g])
		h <- n - 2 * g
		c(mean(x, trim = trim), (n - 1) * var(w) / (h * (h - 1)), h - 1)
	}
	a <- of(x)
	b <- of(y)
	v <- a[2] + b[2]
	b[1] - a[1] + c(-1, 1) * qt(0.975, v^2 / (a[2]^2 / a[3] + b[2]^2 / b[3])) * sqrt(v)
}
welch <- function(x, y) yuen(x, y, 0)

contaminated <- function(n) rnorm(n) * ifelse(runif(n) < 0.1, 10, 1)
cases <- list(
	list("10 and 10, equally noisy", rnorm, 10, 10, 1),
	list("10 and 20, the first ten times as noisy", rnorm, 10, 20, 10),
	list("5 and 20, the first ten times as noisy", rnorm, 5, 20, 10),
	list("20 and 20, every tenth round ten times as noisy", contaminated, 20, 20, 1)
)
ways <- list(combined, rank_sum, welch, yuen)
cat("| rounds | combined | rank-sum | Welch | Yuen, 20 % trimmed |\n| --- | --- | --- | --- | --- |\n")
for (case in cases) {
	missed <- width <- matrix(0, pairs, length(ways))
	for (i in 1:pairs) {
		x <- case[[5]] * case[[2]](case[[3]])
		y <- case[[2]](case[[4]])
		for (way in seq_along(ways)) {
			ci <- ways[[way]](x, y)
			missed[i, way] <- ci[1] > 0 || ci[2] < 0
			width[i, way] <- ci[2] - ci[1]
		}
	}
	cells <- sprintf("%.1f %%, %.1f", 100 * colMeans(missed), apply(width, 2, median))
	cat("|", case[[1]], "|", paste(cells, collapse = " | "), "|\n")
}
