// Package demo is what gremlins would have run on.
package demo

// Greet adds strings and numbers.
func Greet(name string, n int) (string, int) {
	if n > 3 {
		return "hello, " + name, n + 1
	}
	return name, -n
}

// Sum adds numbers up, each by its half.
func Sum(list []int) int {
	const twice = 2 * 1
	sum := 0.0
	for i := 0; i < len(list); i++ {
		sum += float64(list[i]) / twice * (1.5 + 0.5)
	}
	return int(sum)
}

// Nobody is not called by any test.
func Nobody(a, b int) bool { return a-1 == b }
