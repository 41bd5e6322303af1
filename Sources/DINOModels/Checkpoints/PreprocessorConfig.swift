/// `preprocessor_config.json` of the published folders: shorter side 256, bicubic, centre crop 224,
/// ImageNet's mean and deviation.
///
/// Source: the folders `facebook/dinov2-*`, all alike.
struct PreprocessorConfig: Encodable {
  struct CropSize: Encodable {
    let height = 224
    let width = 224
  }

  struct ResizeSize: Encodable {
    let shortestEdge = 256

    enum CodingKeys: String, CodingKey {
      case shortestEdge = "shortest_edge"
    }
  }

  let imageProcessorType = "BitImageProcessor"
  let doConvertRGB = true
  let doResize = true
  let size = ResizeSize()
  /// Pillow's number of bicubic interpolation.
  let resample = 3
  let doCenterCrop = true
  let cropSize = CropSize()
  let doRescale = true
  let rescaleFactor = 1.0 / 255
  let doNormalize = true
  let imageMean = [0.485, 0.456, 0.406]
  let imageStd = [0.229, 0.224, 0.225]

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
