import Yams
import ArgumentParser
@main struct A { static func main() {} }
