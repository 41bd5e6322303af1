// Decodes a JPEG file with libjpeg itself, for damaged files that libvips gives up on because of
// many warnings. Errors of libjpeg leave by longjmp, which stays inside the one function here.

#ifndef DINOV2_JPEG_CALLS_H
#define DINOV2_JPEG_CALLS_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf leave;
  char text[JMSG_LENGTH_MAX];
} vc_jpeg_errors;

static inline void vc_jpeg_exit(j_common_ptr info) {
  vc_jpeg_errors *errors = (vc_jpeg_errors *)info->err;
  (*info->err->format_message)(info, errors->text);
  longjmp(errors->leave, 1);
}

static inline void vc_jpeg_message(j_common_ptr info, int level) {
  if (level < 0)
    info->err->num_warnings++;
}

/// What vc_jpeg_decode found.
typedef struct {
  int width;
  int height;
  /// 1 grey, 3 RGB, 4 CMYK.
  int channels;
  /// Whether the inks are stored inverted, as Adobe does.
  int is_inverted;
  char error[JMSG_LENGTH_MAX];
} vc_jpeg_result;

/// Decodes into `target`, rows of the width and channels that the result names, one after the
/// other, with sides divided by `shrink` (1, 2, 4 or 8) and rounded up. With a null target only the
/// header is read. Returns 0, or -1 with a text in the result.
static inline int vc_jpeg_decode(const void *bytes, size_t count, int shrink, uint8_t *target,
                                 size_t capacity, vc_jpeg_result *result) {
  struct jpeg_decompress_struct info;
  vc_jpeg_errors errors;
  memset(&info, 0, sizeof info);
  memset(result, 0, sizeof *result);
  errors.text[0] = 0;
  info.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = vc_jpeg_exit;
  errors.base.emit_message = vc_jpeg_message;
  if (setjmp(errors.leave)) {
    memcpy(result->error, errors.text, sizeof result->error);
    result->error[sizeof result->error - 1] = 0;
    jpeg_destroy_decompress(&info);
    return -1;
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, (const unsigned char *)bytes, (unsigned long)count);
  jpeg_read_header(&info, TRUE);
  info.out_color_space = info.num_components == 1   ? JCS_GRAYSCALE
                         : info.num_components == 4 ? JCS_CMYK
                                                    : JCS_RGB;
  info.scale_num = 1;
  info.scale_denom = (unsigned int)shrink;
  jpeg_calc_output_dimensions(&info);
  result->width = (int)info.output_width;
  result->height = (int)info.output_height;
  result->channels = info.num_components == 1 ? 1 : info.num_components == 4 ? 4 : 3;
  result->is_inverted = info.saw_Adobe_marker != 0;
  if (target) {
    const size_t row_bytes = (size_t)result->width * (size_t)result->channels;
    if (row_bytes == 0 || capacity / row_bytes < (size_t)result->height) {
      jpeg_destroy_decompress(&info);
      strcpy(result->error, "the target is too small");
      return -1;
    }
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = target + (size_t)info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, &row, 1);
    }
  }
  jpeg_destroy_decompress(&info);
  return 0;
}

#endif
