// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How many times longer than usual tests wait before they give up: `HOVER_TEST_PATIENCE`, for slow machines; 1 without
/// it. What a test asserts stays the same.
public let patience = max(1, ProcessInfo.processInfo.environment["HOVER_TEST_PATIENCE"].flatMap { Int($0) } ?? 1)

/// Whether CPUs are so slow, or stand still so long in the middle of a program, that one meets what another is only
/// about to do: what is said to be rare is then not.
public let isEmulated = patience > 1
