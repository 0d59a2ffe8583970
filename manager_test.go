package main

import (
	"strings"
	"testing"
)

func TestShardThatThereIsNot(t *testing.T) {
	for _, text := range []string{"", "2", "2/2", "1/0"} {
		if err := run(t.Context(), options{shard: text}); err == nil || !strings.HasPrefix(err.Error(), "--shard: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
