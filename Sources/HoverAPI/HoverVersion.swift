// SPDX-License-Identifier: Apache-2.0

/// The version of this build of Hover, by https://semver.org.
public let hoverVersion = "0.1.0"
