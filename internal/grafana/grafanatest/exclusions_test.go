package grafanatest

import "slices"

// exclusion is why exchanges of a recording do not come out the same.
type exclusion struct {
	why  string
	in   map[string][]int // recording → seq of the exchanges
	done bool             // what they did is done by other means: later exchanges need it
}

const (
	main10     = "grafana-10.4.3.jsonl"
	main12     = "grafana-12.4.0.jsonl"
	tenant10   = "tenant-10.4.3.jsonl"
	tenant12   = "tenant-12.4.0.jsonl"
	sessions10 = "sessions-marks-bulk-10.4.3.jsonl"
)

var exclusions = []exclusion{
	{
		why: "a cache of a few seconds: a service account that was disabled, or enabled again, is not noticed at once; here it is",
		in:  map[string][]int{main10: {353, 358}, main12: {353, 358}},
	},
	{
		why:  "the same cache, and the write of a disabled service account gets through",
		in:   map[string][]int{main10: {354}, main12: {354}},
		done: true,
	},
	{
		why: "what a role may do is remembered for all who have it: the minute began before this viewer's first request; here it begins with that",
		in:  map[string][]int{main12: {627, 628}},
	},
	{
		why: "a race in Grafana: two creates of one uid at the same time both succeed; here one is first",
		in:  map[string][]int{main12: {688}},
	},
	{
		why: "Go's HTTP server refuses a bad escape in a path, or a second Host header, before any handler sees them",
		in:  map[string][]int{main10: {85, 764}, main12: {85, 797}},
	},
	{
		why: "the numbers that Grafana gives to the uses of a library panel, which nobody reads",
		in:  map[string][]int{tenant10: {457}, tenant12: {457}},
	},
	{
		why: "no client calls it: metrics and API documentation of the server",
		in:  map[string][]int{main10: {767, 768}, main12: {800, 801}},
	},
	{
		why: "no client calls it: API keys, the forerunners of service accounts",
		in:  map[string][]int{main10: {442, 443, 444, 445}},
	},
	{
		why: "no client calls it: home and tags of dashboards",
		in:  map[string][]int{main10: {583, 584}, main12: {578, 579}},
	},
	{
		why: "no client calls it: a folder read as a dashboard",
		in:  map[string][]int{main10: {576}},
	},
	{
		why: "no client calls it: data sources found by name or id, or deleted so",
		in: map[string][]int{
			main10: {690, 691, 693, 694, 708, 711, 712},
			main12: {723, 724, 726, 727, 741, 744, 745},
		},
	},
	{
		why: "an old Grafana refuses the namespace of another org before it says that it has no such group; discovery says so first",
		in:  map[string][]int{main10: {742}, sessions10: {53}},
	},
	{
		why: "a list of folders through /apis leaves out folders that exist; no client calls it",
		in:  map[string][]int{main12: {776}},
	},
}

func exclusionOf(file string, seq int) (why string, done bool) {
	for _, e := range exclusions {
		if slices.Contains(e.in[file], seq) {
			return e.why, e.done
		}
	}
	return "", false
}

// excludedIn is how many exchanges of a recording the table excludes.
func excludedIn(file string) int {
	n := 0
	for _, e := range exclusions {
		n += len(e.in[file])
	}
	return n
}
