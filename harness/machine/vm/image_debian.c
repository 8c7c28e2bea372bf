/* SPDX-License-Identifier: MIT */
#include "machine/vm/image_debian.h"

#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/text.h"
#include "machine/vm/image_run.h"

#define META        "linux-image-cloud-amd64" /* depends on the newest of its kind */
#define PREFIX      "linux-image-"
#define UML         "user-mode-linux"
#define ASK_MS      60000
#define DOWNLOAD_MS 900000
#define UNPACK_MS   120000

static void say(const struct image_config *config, const char *what)
{
	if (config->say)
		config->say(what, config->context);
}

/* The characters of Debian's policy, sections 5.6.1 and 5.6.12, but no ':' (a kernel has no
 * epoch): fit for a file's name. */
static bool copy_word(const char *from, size_t n, char *ret, size_t size)
{
	if (n == 0 || n >= size)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)from[i]) && !strchr("+-.~", from[i]))
			return false;
	memcpy(ret, from, n);
	ret[n] = '\0';
	return true;
}

/* "linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2), ..." */
static bool parse_depends(const char *at, struct image_debian *ret)
{
	size_t n = strcspn(at, " ,\n");

	if (strncmp(at, PREFIX, strlen(PREFIX)) != 0 || strncmp(at + n, " (= ", 4) != 0 ||
	    !copy_word(at, n, ret->package, sizeof(ret->package)))
		return false;
	at += n + 4;
	n = strcspn(at, ")\n");
	return at[n] == ')' && copy_word(at, n, ret->version, sizeof(ret->version));
}

int image_debian_parse(const char *text, struct image_debian *ret, struct tare_err *err)
{
	static const char field[] = "Depends: ";

	for (const char *line = text; line;) {
		if (strncmp(line, field, strlen(field)) == 0 &&
		    parse_depends(line + strlen(field), ret))
			return 0;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return err_set(err, EBADMSG, "apt does not say which kernel " META " is");
}

int image_debian_parse_uml(const char *text, struct image_debian *ret, struct tare_err *err)
{
	static const char field[] = "\nVersion: ";
	const char *at = strstr(text, field);

	if (!at || !copy_word(at + strlen(field), strcspn(at + strlen(field), "\n"), ret->version,
			      sizeof(ret->version)))
		return err_set(err, EBADMSG, "apt does not say which version of " UML " there is");
	(void)snprintf(ret->package, sizeof(ret->package), "%s", UML);
	return 0;
}

int image_debian_find(const struct image_config *config, struct image_debian *ret,
		      struct tare_err *err)
{
	const char *meta = config->uml ? UML : META;
	const char *const argv[] = {"apt-cache", "show", "--no-all-versions", meta, NULL};
	const struct image_run run = {
		.package = "apt", .argv = argv, .timeout_ms = ASK_MS, .journal = config->journal};
	char text[16384];
	int r;

	say(config, config->uml ? "asking apt for the newest User-Mode Linux"
				: "asking apt for the newest cloud kernel");
	r = image_run(&run, text, sizeof(text), err);
	if (r == -EIO) {
		if (err)
			err->code = 0;
		return err_set(err, ENOENT, "apt knows no %s: run 'apt-get update'%s", meta,
			       config->uml ? "" : " or give a kernel's file");
	}
	if (r == -ENOTSUP)
		return err_wrap(err, r, "no kernel for the guest%s",
				config->uml ? "" : " (a kernel's file can be given)");
	if (r < 0)
		return r;
	return config->uml ? image_debian_parse_uml(text, ret, err)
			   : image_debian_parse(text, ret, err);
}

static int download(const struct image_config *config, const struct image_debian *debian,
		    const char *temp, struct tare_err *err)
{
	cleanup_free char *what = text_format("%s=%s", debian->package, debian->version);
	const char *const argv[] = {"apt-get", "-q", "download", what, NULL};
	const struct image_run run = {
		.package = "apt",
		.argv = argv,
		.cwd = temp,
		.timeout_ms = DOWNLOAD_MS,
		.journal = config->journal,
	};
	char words[256];

	if (!what)
		return err_set(err, ENOMEM, "out of memory");
	(void)snprintf(words, sizeof(words), "downloading %.150s", what);
	say(config, words);
	return err_wrap(err, image_run(&run, NULL, 0, err), "download the guest's kernel");
}

/* The one package in the folder; apt writes its version in its own way. */
static int find_package(const char *temp, char **ret, struct tare_err *err)
{
	cleanup_free char *pattern = text_format("%s/*.deb", temp);
	glob_t found = {0};

	if (!pattern)
		return err_set(err, ENOMEM, "out of memory");
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment or the locale */
	if (glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1)
		*ret = strdup(found.gl_pathv[0]);
	globfree(&found);
	return *ret ? 0 : err_set(err, EIO, "apt-get left no package in '%s'", temp);
}

int image_debian_unpack(const struct image_config *config, const struct image_debian *debian,
			const char *temp, struct tare_err *err)
{
	cleanup_free char *package = NULL;
	cleanup_free char *root = text_format("%s/root", temp);
	int r = root ? download(config, debian, temp, err) : err_set(err, ENOMEM, "out of memory");

	if (r == 0)
		r = find_package(temp, &package, err);
	if (r < 0)
		return r;
	const char *const argv[] = {"dpkg-deb", "-x", package, root, NULL};
	const struct image_run run = {
		.package = "dpkg",
		.argv = argv,
		.timeout_ms = UNPACK_MS,
		.journal = config->journal,
	};

	say(config, "unpacking the kernel");
	return err_wrap(err, image_run(&run, NULL, 0, err), "unpack the guest's kernel");
}
