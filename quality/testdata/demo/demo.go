// Package demo is what gremlins would have run on.
package demo

// Greet adds strings and numbers.
func Greet(name string, n int) (string, int) {
	if n > 3 {
		return "hello, " + name, n + 1
	}
	return name, -n
}
