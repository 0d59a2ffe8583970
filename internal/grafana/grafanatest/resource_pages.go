package grafanatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// continueToken says where the next page begins.
func continueToken(offset int64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"o":%d,"v":1,"s":false}`, offset))
}

func continueOffset(token string) int64 {
	plain, err := base64.StdEncoding.DecodeString(token)
	var at struct{ O int64 }
	if err != nil || json.Unmarshal(plain, &at) != nil {
		return 0
	}
	return at.O
}

// window says how many objects are asked for, and how many to leave out first.
func (c *call) window() (limit, offset int64) {
	limit = c.number("limit", 500)
	if limit <= 0 {
		limit = 500
	}
	return limit, continueOffset(c.query.Get("continue"))
}

// wantsMetadata says whether the client asked for a PartialObjectMetadataList.
func (c *call) wantsMetadata() bool {
	return strings.Contains(c.in.header.Get("Accept"), "as=PartialObjectMetadataList")
}
