package controllers

import (
	"cmp"
	"slices"
)

// oldestFirst are those of a list that are ours, in the order in which Grafana has made them. The list is others' too,
// and stays as it is.
func oldestFirst[T any](list []T, ours func(T) bool, id func(T) int64) []T {
	found := slices.DeleteFunc(slices.Clone(list), func(one T) bool { return !ours(one) })
	slices.SortFunc(found, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	return found
}
