/* SPDX-License-Identifier: MIT */
#pragma once
/* pdf: what is printed. DIR/report.tex becomes DIR/report.pdf where LaTeX is installed; without it
 * there is DIR/figures.pdf, of the plots alone, by gnuplot. */

struct tare_err;

/* Is LaTeX here? -ENOTSUP and a sentence. */
int pdf_probe(struct tare_err *err);
/* DIR/plots/NAME.pdf of each plot, which LaTeX wants. */
int pdf_draw_plots(const char *dir, struct tare_err *err);
/* DIR/report.pdf. */
int pdf_from_latex(const char *dir, struct tare_err *err);
/* DIR/figures.pdf, a page a plot, by DIR/plots/figures.gp. -ENOENT: there is no plot. */
int pdf_of_figures(const char *dir, struct tare_err *err);
