// Package watch turns looks at a live Redis into what is worth seeing of it now: how full it is, who grows, when it will be full,
// what is wrong, what to type, and what the looking costs.
//
//	Snapshots -> View -> report
//
// It is pure: whoever calls it reads Redis, keeps the time and draws. It judges nothing by itself, since diagnose says what is wrong
// and remedy what to do, and it refuses to say when Redis will be full where growth does not stand out from its ups and downs.
package watch
