package rollout

import (
	"slices"
	"testing"
	"time"
)

// members reads a list such as "1R 1P 2M": the wave, and the first letter of the state. A state of * is Resting, and
// one of N is Pending and new.
func members(text ...string) (all []Member) {
	states := map[byte]State{
		'W': Waiting, 'M': Missing, 'O': Outdated, 'P': Pending, 'N': Pending, 'F': Failed, 'B': Barred,
		'G': Going, '*': Resting, 'R': Ready,
	}
	for _, t := range text {
		all = append(all, Member{Wave: int(t[0] - '0'), State: states[t[1]], New: t[1] == 'N'})
	}
	return all
}

func TestNext(t *testing.T) {
	for name, test := range map[string]struct {
		members []Member
		bound   int
		want    []int
	}{
		"nobody":                                     {nil, 1, nil},
		"all are Ready":                              {members("0R", "0R"), 1, nil},
		"as many as may be":                          {members("0O", "0O", "0O"), 2, []int{0, 1}},
		"the one that is on its way counts":          {members("0O", "0P", "0O"), 2, []int{0}},
		"one that failed counts":                     {members("0O", "0F", "0O"), 1, nil},
		"more are unavailable than may be":           {members("0F", "0P", "0P", "0O"), 2, nil},
		"once one is Ready failures hold no new one": {members("0F", "0F", "0R", "0M", "0O"), 1, []int{3}},
		"nor does what is on its way":                {members("0P", "0R", "0M"), 1, []int{2}},
		"but new ones do":                            {members("0N", "0R", "0M"), 1, nil},
		"as many new ones as may be":                 {members("0M", "0N", "0M", "0M"), 3, []int{0, 2}},
		"until one is Ready failures hold all":       {members("0F", "0P", "0M", "0O"), 1, nil},
		"also those of an earlier wave":              {members("0F", "0F", "1N", "1M"), 3, nil},
		"where nothing was tried nothing failed":     {members("0B", "0B", "0M", "0O"), 2, []int{2}},
		"one that goes holds changes alone":          {members("0G", "0R", "0M", "0O"), 1, []int{2}},
		"nor does it begin a wave":                   {members("0F", "1G", "1M"), 9, nil},
		"nor do failures in an earlier wave":         {members("0F", "1R", "1M", "1O"), 1, []int{2}},
		"but a wave that has not begun waits":        {members("0F", "1M", "1F", "1W"), 9, nil},
		"nor has one of which all are outdated":      {members("0F", "1M", "1O"), 9, nil},
		"an outdated one does not count":             {members("0O", "0O", "0R"), 3, []int{0, 1}},
		"what is missing comes first":                {members("0O", "0M", "0O", "0M"), 3, []int{1, 3, 0}},
		"one that must wait holds nothing up":        {members("0W", "0W", "0M"), 1, []int{2}},
		"one at rest holds nothing up":               {members("0*", "0*", "1O"), 1, []int{2}},
		"the second wave waits for the first":        {members("1O", "0P", "0R", "1M"), 9, nil},
		"and for what failed there":                  {members("1O", "0F", "0R"), 9, nil},
		"and for what is to be done there":           {members("1O", "0O", "0R"), 9, []int{1}},
		"then it is its turn":                        {members("1O", "0R", "0R", "1M", "2M"), 9, []int{3, 0}},
		"not for those whose time has not come":      {members("1O", "0W", "0R"), 9, []int{0}},
		"failures of a later wave count":             {members("0O", "0O", "1F"), 2, []int{0}},
		"a first wave that lost its way is next":     {members("1R", "0O", "2O"), 9, []int{1}},
	} {
		if next := Next(test.members, test.bound); !slices.Equal(next, test.want) {
			t.Errorf("%s: %v, want %v", name, next, test.want)
		}
	}
}

// Whatever becomes of the objects, no more are changed than may be unavailable, no wave begins early, and all that can
// be are Ready in the end.
func TestNextKeepsItsWord(t *testing.T) {
	const bound = 3
	all := members("1M", "0M", "0M", "0O", "2O", "1O", "1M", "0M", "2M", "1O", "0W", "2R", "2R")
	for step := 0; Count(all).Left > 0; step++ {
		if step > len(all) {
			t.Fatalf("it does not end: %v", all)
		}
		was := Count(all)
		for _, i := range Next(all, bound) {
			if all[i].State == Outdated && was.Moving+was.Failed >= bound {
				t.Errorf("%d is changed while %d are unavailable: %v", i, was.Moving+was.Failed, all)
			}
			for _, m := range all {
				if m.Wave < all[i].Wave && !m.through() && all[i].State == Outdated {
					t.Errorf("wave %d began before wave %d was through: %v", all[i].Wave, m.Wave, all)
				}
			}
			all[i].New = all[i].State == Missing
			all[i].State = Pending
		}
		if Count(all).Moving == 0 {
			t.Errorf("nothing goes on: %v", all)
		}
		for i, m := range slices.Backward(all) {
			if m.State == Pending {
				all[i].State = Ready
				break
			}
		}
	}
}

func TestProgress(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	minute := func(n int) time.Time { return begin.Add(time.Duration(n) * time.Minute) }
	was := Progress{Revision: "a", Ready: 2, Failed: 1, Since: begin}
	for name, test := range map[string]struct {
		was      Progress
		revision string
		counts   Counts
		since    time.Time
	}{
		"nothing happens":             {was, "a", Counts{Ready: 2, Failed: 1, Left: 3}, begin},
		"one is not Ready any more":   {was, "a", Counts{Ready: 1, Failed: 1, Left: 4}, begin},
		"one more has failed":         {was, "a", Counts{Ready: 2, Failed: 2, Left: 3}, begin},
		"one more is Ready":           {was, "a", Counts{Ready: 3, Failed: 1, Left: 2}, minute(5)},
		"one that failed recovers":    {was, "a", Counts{Ready: 2, Left: 3}, minute(5)},
		"there is another template":   {was, "b", Counts{Failed: 1, Left: 5}, minute(5)},
		"all are Ready":               {was, "a", Counts{Ready: 5}, time.Time{}},
		"one is to be made after all": {Progress{Revision: "a", Ready: 5}, "a", Counts{Ready: 5, Left: 1}, minute(5)},
	} {
		next := test.was.Next(test.revision, test.counts, minute(5))
		if !next.Since.Equal(test.since) || next.Revision != test.revision || next.Ready != test.counts.Ready {
			t.Errorf("%s: %+v, want since %s", name, next, test.since)
		}
	}
	for at, want := range map[int]time.Duration{0: 10 * time.Minute, 9: time.Minute, 10: 0, 20: 0} {
		if left := was.TimeLeft(10*time.Minute, minute(at)); left != want {
			t.Errorf("after %d minutes %s are left, want %s", at, left, want)
		}
	}
}
