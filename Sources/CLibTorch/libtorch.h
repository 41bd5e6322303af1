// Carries libtorch's include and link flags from pkg-config to `CTorch`; it declares nothing
// itself.
