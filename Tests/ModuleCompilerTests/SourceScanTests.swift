// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ModuleCompiler

@Suite struct SourceScanTests {
    @Test(arguments: [
        "static int handle_tx(void *pkt, struct metadata *md)\n{", "int handle_tx\n  (void *pkt)", "handle_tx/* a */(",
        #"char *a = "\""; int handle_tx(void)"#, "// a comment\nint handle_tx(void)", #"char q = '"'; handle_tx()"#,
        "/* * / */ handle_tx(", "#error don't\nhandle_tx(", "a\u{e9}\u{2028} handle_tx(void)",
        "int x = 5 / 2; handle_tx(",
    ])
    func findsAFunction(source: String) {
        #expect(SourceScan(source).names(function: "handle_tx"))
    }

    @Test(arguments: [
        "", "// handle_tx(void)", "// goes on \\\nhandle_tx(void)", "/* handle_tx(\n */", "/* handle_tx(",
        #"char *a = "handle_tx(";"#, #"char *a = "\" handle_tx(";"#, "int handle_tx;", "my_handle_tx(", "handle_tx2(",
        "handle_rx(", #""handle_tx("#, "/", "\"\\", "'",
    ])
    func findsNone(source: String) {
        #expect(!SourceScan(source).names(function: "handle_tx"))
    }
}
