internal import CTorch

/// Calls a shim function that reports failure by status and message.
///
/// - Parameters:
///   - operation: The name that the error carries.
///   - operands: Describes the operands; evaluated only on failure.
///   - body: Calls the function with the message buffer.
/// - Throws: ``TorchError`` if the status is not `CT_OK`.
func checked(
  _ operation: @autoclosure () -> String,
  operands: @autoclosure () -> [String] = [],
  _ body: (ct_message) -> ct_status
) throws(TorchError) {
  var text = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  var line = ""
  let status = withUnsafeMutableBytes(of: &text) { buffer in
    let characters = buffer.assumingMemoryBound(to: CChar.self)
    let status = body(ct_message(text: characters.baseAddress, capacity: characters.count))
    if status != CT_OK { line = String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self) }
    return status
  }
  if status == CT_OK { return }
  throw TorchError(
    operation(), line, operands: operands(),
    kind: status == CT_OUT_OF_MEMORY ? .outOfMemory : .refused)
}
