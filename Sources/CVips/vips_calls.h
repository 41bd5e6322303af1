// The part of libvips that the package uses, without variable argument lists, which Swift cannot
// call. Each function returns 0 or a non-null pointer on success; the reason of a failure lies in
// libvips' error buffer.

#ifndef DINOV2_VIPS_CALLS_H
#define DINOV2_VIPS_CALLS_H

#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>
#include <zlib.h>

/// The formats that are read through libvips; each names one loader, so that nothing is guessed.
enum {
  vc_jpeg = 0,
  vc_png = 1,
  vc_webp = 2,
  vc_tiff = 3,
  vc_gif = 4,
  vc_heif = 5,
  vc_jp2k = 6,
};

/// What a file's header says.
typedef struct {
  int width;
  int height;
  int bands;
  int band_format;
  int interpretation;
  int orientation;
  int pages;
  int has_palette;
  int has_icc_profile;
} vc_header;

static inline void vc_drop_log(const gchar *domain, GLogLevelFlags level, const gchar *message,
                               gpointer data) {
  (void)domain;
  (void)level;
  (void)message;
  (void)data;
}

/// Starts libvips for the process: no operation cache, one thread per image, no untrusted loaders
/// except JPEG 2000, which the caller selects by name only. Call once.
static inline int vc_start(void) {
  g_log_set_handler("VIPS", (GLogLevelFlags)(G_LOG_LEVEL_WARNING | G_LOG_LEVEL_INFO), vc_drop_log,
                    NULL);
  if (vips_init("dinov2"))
    return -1;
  vips_cache_set_max(0);
  vips_concurrency_set(1);
  vips_block_untrusted_set(TRUE);
  vips_operation_block_set("VipsForeignLoadJp2k", FALSE);
  return 0;
}

/// Opens encoded bytes with one loader. The bytes must live as long as the image.
static inline VipsImage *vc_open(int kind, const void *bytes, size_t count, int fail_on) {
  VipsImage *image = NULL;
  void *data = (void *)bytes;
  VipsFailOn fail = (VipsFailOn)fail_on;
  int status = -1;
  switch (kind) {
  case vc_jpeg:
    status = vips_jpegload_buffer(data, count, &image, "fail_on", fail, "access",
                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  case vc_png:
    status = vips_pngload_buffer(data, count, &image, "fail_on", fail, "access",
                                 VIPS_ACCESS_SEQUENTIAL, "unlimited", FALSE, NULL);
    break;
  case vc_webp:
    status = vips_webpload_buffer(data, count, &image, "fail_on", fail, "access",
                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  case vc_tiff:
    status = vips_tiffload_buffer(data, count, &image, "fail_on", fail, "access",
                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  case vc_gif:
    status = vips_gifload_buffer(data, count, &image, "fail_on", fail, "access",
                                 VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  case vc_heif:
    status = vips_heifload_buffer(data, count, &image, "fail_on", fail, "access",
                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  case vc_jp2k:
    status = vips_jp2kload_buffer(data, count, &image, "fail_on", fail, "access",
                                  VIPS_ACCESS_SEQUENTIAL, NULL);
    break;
  default:
    vips_error("vc_open", "unknown loader %d", kind);
  }
  if (status) {
    if (image)
      g_object_unref(image);
    return NULL;
  }
  return image;
}

static inline int vc_integer(VipsImage *image, const char *name, int absent) {
  int value = absent;
  if (vips_image_get_typeof(image, name) != G_TYPE_INT)
    return absent;
  if (vips_image_get_int(image, name, &value))
    return absent;
  return value;
}

/// Reads what the header says; decodes no pixels.
static inline vc_header vc_read_header(VipsImage *image) {
  vc_header header;
  header.width = vips_image_get_width(image);
  header.height = vips_image_get_height(image);
  header.bands = vips_image_get_bands(image);
  header.band_format = (int)vips_image_get_format(image);
  header.interpretation = (int)vips_image_get_interpretation(image);
  header.orientation = vc_integer(image, VIPS_META_ORIENTATION, 0);
  header.pages = vc_integer(image, VIPS_META_N_PAGES, 1);
  header.has_palette = vc_integer(image, "palette-bit-depth", 0) > 0;
  header.has_icc_profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
  return header;
}

static inline VipsRegion *vc_region(VipsImage *image) { return vips_region_new(image); }

/// Decodes the rows `top ..< top + height` on the calling thread.
/// Returns the address of the first row and sets the distance of rows in bytes, or NULL.
static inline const void *vc_rows(VipsRegion *region, int width, int top, int height,
                                  size_t *stride) {
  VipsRect area = {0, top, width, height};
  if (vips_region_prepare(region, &area))
    return NULL;
  *stride = VIPS_REGION_LSKIP(region);
  return VIPS_REGION_ADDR(region, 0, top);
}

static inline void vc_release(void *object) {
  if (object)
    g_object_unref(object);
}

/// Copies the text of the last failure, ends it with a zero, and clears it.
static inline void vc_take_error(char *text, size_t capacity) {
  char *copy = vips_error_buffer_copy();
  if (capacity > 0) {
    text[0] = 0;
    if (copy) {
      strncpy(text, copy, capacity - 1);
      text[capacity - 1] = 0;
    }
  }
  g_free(copy);
}

/// Encodes interleaved samples. `kind` is vc_jpeg, vc_png or vc_webp; `bytes_per_sample` 1 or 2.
/// On success the caller frees `*out` with vc_free.
static inline int vc_encode(int kind, const void *samples, int width, int height, int bands,
                            int bytes_per_sample, int quality, void **out, size_t *count) {
  VipsBandFormat format = bytes_per_sample == 2 ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR;
  size_t size = (size_t)width * (size_t)height * (size_t)bands * (size_t)bytes_per_sample;
  VipsImage *image = vips_image_new_from_memory(samples, size, width, height, bands, format);
  if (!image)
    return -1;
  VipsImage *typed = NULL;
  VipsInterpretation kind_of_colour =
      bands >= 3 ? VIPS_INTERPRETATION_sRGB
                 : (bytes_per_sample == 2 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_B_W);
  int status = vips_copy(image, &typed, "interpretation", kind_of_colour, NULL);
  g_object_unref(image);
  if (status)
    return -1;
  switch (kind) {
  case vc_jpeg:
    status = vips_jpegsave_buffer(typed, out, count, "Q", quality, "strip", TRUE, NULL);
    break;
  case vc_png:
    status = vips_pngsave_buffer(typed, out, count, "compression", 6, "strip", TRUE, NULL);
    break;
  case vc_webp:
    status = vips_webpsave_buffer(typed, out, count, "Q", quality, "lossless", quality >= 100,
                                  "strip", TRUE, NULL);
    break;
  default:
    vips_error("vc_encode", "unknown saver %d", kind);
    status = -1;
  }
  g_object_unref(typed);
  return status;
}

static inline void vc_free(void *bytes) { g_free(bytes); }

// Whether libvips was built with a loader, by its nickname.
static inline int vc_has_loader(const char *nickname) {
  return vips_type_find("VipsForeignLoad", nickname) != 0;
}

#endif
