// Faiss calls BLAS and LAPACK by their Fortran names. Its products of matrices find those of
// libtorch, which are the fastest here; the rest of what Faiss's library names belongs to
// decompositions (principal components, rotations, additive codes) that no index of this package
// has. Linking a second BLAS for them would let its slow products take the place of libtorch's
// throughout the program, so they end here, with an error.
#include <stdexcept>

#define UNAVAILABLE(name)                                                                          \
  extern "C" __attribute__((visibility("hidden"))) int name(...) {                                 \
    throw std::logic_error(#name " is not part of this program");                                  \
  }

UNAVAILABLE(ssyrk_)
UNAVAILABLE(sgetri_)
UNAVAILABLE(dgetri_)
UNAVAILABLE(sgesvd_)
UNAVAILABLE(dgesvd_)
UNAVAILABLE(dsyev_)
