extension SourceTable {
  /// The table of LVD-142M, whose total is 142,109,386 images.
  ///
  /// Source: Oquab et al., 2023, table 15. Numbers retrieved by clusters are rounded there to 10,000.
  public static let lvd142M = SourceTable([
    Row("ImageNet-22k", images: 14_197_086, .asIs),
    sample("ImageNet-22k", images: 14_197_086, neighbours: 4, retrieved: 56_788_344),
    sample("ImageNet-1k train", images: 1_281_167, neighbours: 32, retrieved: 40_997_344),
    Row("Google Landmarks v2 train clean", images: 1_580_470, .asIs),
    sample(
      "Google Landmarks v2 train clean", images: 1_580_470, neighbours: 4, retrieved: 6_321_880),
    Row("Mapillary SLS train", images: 1_434_262, .asIs),
    cluster("Caltech101 train", images: 3030, retrieved: 2_630_000),
    cluster("CUB-200-2011 train", images: 5994, retrieved: 1_300_000),
    cluster("DTD train1", images: 1880, retrieved: 1_580_000),
    cluster("FGVC-Aircraft train", images: 3334, retrieved: 1_170_000),
    cluster("Flowers-102 train", images: 1020, retrieved: 1_060_000),
    cluster("Food-101 train", images: 75_750, retrieved: 21_670_000),
    cluster("Oxford-IIIT Pets trainval", images: 3680, retrieved: 2_750_000),
    cluster("Stanford Cars train", images: 8144, retrieved: 7_220_000),
    cluster("SUN397 train1", images: 19_850, retrieved: 18_950_000),
    cluster("Pascal VOC 2007 train", images: 2501, retrieved: 1_010_000),
    cluster("ADE20K train", images: 20_210, retrieved: 20_720_000),
    cluster("Cityscapes train", images: 2975, retrieved: 1_390_000),
    cluster("Pascal VOC 2012 seg trainaug", images: 1464, retrieved: 10_140_000),
    cluster("KITTI train (Eigen)", images: 23_158, retrieved: 3_700_000),
    cluster("NYU Depth V2 train", images: 24_231, retrieved: 10_850_000),
    cluster("SUN RGB-D train", images: 4829, retrieved: 4_870_000),
    cluster("AmsterTime new", images: 1231, retrieved: 960_000),
    cluster("AmsterTime old", images: 1231, retrieved: 830_000),
    cluster("Met train", images: 397_121, retrieved: 62_860_000),
    cluster("Revisited Oxford base", images: 4993, retrieved: 3_680_000),
    cluster("Revisited Paris base", images: 6322, retrieved: 3_660_000),
  ])

  private static func sample(
    _ name: String, images: Int, neighbours: Int, retrieved: Int
  ) -> Row {
    Row(name, images: images, .sample(neighbours: neighbours), retrieved: retrieved)
  }

  private static func cluster(_ name: String, images: Int, retrieved: Int) -> Row {
    Row(name, images: images, .cluster, retrieved: retrieved, cap: 1_000_000)
  }
}
