package demo

import "testing"

func TestGreet(t *testing.T) {
	if got, n := Greet("you", 5); got != "hello, you" || n != 6 {
		t.Error(got, n)
	}
	if _, n := Greet("you", 2); n == 2 {
		t.Error(n)
	}
}

func TestSum(t *testing.T) {
	if got := Sum([]int{1, 2}); got != 3 {
		t.Error(got)
	}
}
