// The kernels for any processor.

#define CK_WIDTH 4
#define CK_ROWS 6
#define CK_KERNELS ck_kernels_portable
#include "kernels_template.h"
