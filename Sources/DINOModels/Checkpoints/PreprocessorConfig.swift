/// `preprocessor_config.json`: resizing of the shorter side, bicubic, a centre crop, ImageNet's mean and
/// deviation.
///
/// The published folders `facebook/dinov2-*` all have 256 and 224.
struct PreprocessorConfig: Encodable {
  struct CropSize: Encodable {
    var height = 224
    var width = 224
  }

  struct ResizeSize: Encodable {
    var shortestEdge = 256

    enum CodingKeys: String, CodingKey {
      case shortestEdge = "shortest_edge"
    }
  }

  let imageProcessorType = "BitImageProcessor"
  let doConvertRGB = true
  let doResize = true
  var size = ResizeSize()
  /// Pillow's number of bicubic interpolation.
  let resample = 3
  let doCenterCrop = true
  var cropSize = CropSize()
  let doRescale = true
  let rescaleFactor = 1.0 / 255
  let doNormalize = true
  let imageMean = [0.485, 0.456, 0.406]
  let imageStd = [0.229, 0.224, 0.225]

  /// That of the published folders, or of a model that was trained on crops of another side.
  ///
  /// - Parameter side: Side of the crop, and length of the shorter side; nil for 224 out of 256.
  init(side: Int? = nil) {
    guard let side else { return }
    size.shortestEdge = side
    cropSize = CropSize(height: side, width: side)
  }

  enum CodingKeys: String, CodingKey {
    case imageProcessorType = "image_processor_type"
    case doConvertRGB = "do_convert_rgb"
    case doResize = "do_resize"
    case size
    case resample
    case doCenterCrop = "do_center_crop"
    case cropSize = "crop_size"
    case doRescale = "do_rescale"
    case rescaleFactor = "rescale_factor"
    case doNormalize = "do_normalize"
    case imageMean = "image_mean"
    case imageStd = "image_std"
  }
}
