#if Hub
import Testing

@testable import DINOHub

@Suite("ContentRange")
struct ContentRangeTests {
  @Test("the forms of the standard are read")
  func forms() {
    #expect(ContentRange("bytes 10-19/20") == ContentRange(start: 10, total: 20))
    #expect(ContentRange("bytes 0-5/*") == ContentRange(start: 0, total: nil))
    #expect(ContentRange("bytes */20") == ContentRange(start: nil, total: 20))
    #expect(ContentRange("Bytes 3-4/5") == ContentRange(start: 3, total: 5))
  }

  @Test("anything else is none", arguments: ["", "items 0-1/2", "bytes 0-1"])
  func others(text: String) {
    #expect(ContentRange(text) == nil)
  }
}
#endif
