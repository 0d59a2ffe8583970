// Package lease elects the one process that works on a shard, and keeps it waiting while one of another division of the
// fleet is at work: both would have some of the servers.
package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"grafana-tenancy.dev/operator/internal/lifecycle"
)

// whole is the lease of a process that works on the whole fleet.
const whole = "grafana-tenancy.dev"

// Name is that of a shard's lease.
func Name(s lifecycle.Shard) string {
	if s.Of <= 1 {
		return whole
	}
	return fmt.Sprintf("%s-%d-of-%d", whole, s.Index, s.Of)
}

// divisionOf is how many shards there are by the name of a lease; 0: it is no shard's.
func divisionOf(name string) int {
	if name == whole {
		return 1
	}
	shard, ok := strings.CutPrefix(name, whole+"-")
	index, of, found := strings.Cut(shard, "-of-")
	n, err := strconv.Atoi(of)
	if _, ierr := strconv.Atoi(index); !ok || !found || err != nil || ierr != nil {
		return 0
	}
	return n
}

// replaced begins the holder of a lease whose own was taken for dead by a process of another division, which is named
// after it. Such a lease is nobody's.
const replaced = "replaced by "

// Lock is a shard's lease, which is not taken while a lease of another division is held. It is looked for others before
// the lease is taken, so that who waits is in nobody's way, and after: of two that take theirs at the same time, at
// least one sees the other, and steps back. A lease that is held is renewed whatever others do.
type Lock struct {
	resourcelock.Interface
	*others

	mu     sync.Mutex
	held   bool
	holder string // of the lease itself, as it was last read
}

// others are the leases of other divisions.
type others struct {
	leases   coordinationclient.LeaseInterface
	division int
	identity string // of this process
	now      func() time.Time

	mu   sync.Mutex
	seen map[string]seen
	told string // which of them is waited for, as the log says
}

// seen is a renewal of a lease, and when it was first seen here: clocks of machines differ.
type seen struct {
	renewal string
	at      time.Time
}

// NewLock makes the lock of a shard's lease.
func NewLock(lease *resourcelock.LeaseLock, s lifecycle.Shard, now func() time.Time) *Lock {
	return &Lock{Interface: lease, others: othersThan(lease, s, now)}
}

func othersThan(lease *resourcelock.LeaseLock, s lifecycle.Shard, now func() time.Time) *others {
	return &others{
		leases:   lease.Client.Leases(lease.LeaseMeta.Namespace),
		division: max(s.Of, 1),
		identity: lease.Identity(),
		now:      now,
		seen:     map[string]seen{},
	}
}

// Get returns what the lease says; while another division is at work, what its lease says, so that the elector waits as
// for any other holder.
func (l *Lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.read(record.HolderIdentity)
	}
	if l.holds() {
		return record, raw, err
	}
	other, _, oerr := l.look(ctx)
	if oerr != nil {
		return nil, nil, oerr
	}
	l.tell(l.Describe(), other)
	if other == nil {
		return record, raw, err
	}
	record = resourcelock.LeaseSpecToLeaderElectionRecord(&other.Spec)
	raw, err = json.Marshal(record)
	return record, raw, err
}

// Create makes the lease, as its holder.
func (l *Lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.take(ctx, record, l.Interface.Create)
}

// Update takes the lease, renews it or gives it back, unless it is another's by now: an elector that is told to end
// gives back what it had when it last looked.
func (l *Lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if other := l.lastHolder(); record.HolderIdentity == "" && other != l.Identity() {
		return fmt.Errorf("%s is not given back: it is held by %q", l.Describe(), other)
	}
	if l.holds() || record.HolderIdentity == "" {
		err := l.Interface.Update(ctx, record)
		if err == nil && record.HolderIdentity == "" {
			l.hold(false)
		}
		return err
	}
	return l.take(ctx, record, l.Interface.Update)
}

// take writes the lease as its new holder's, and gives it back at once if another division is at work, also when the
// process is to end meanwhile.
func (l *Lock) take(
	ctx context.Context, record resourcelock.LeaderElectionRecord,
	write func(context.Context, resourcelock.LeaderElectionRecord) error,
) error {
	l.hold(false) // it may have been, and been deleted
	if err := write(ctx, record); err != nil {
		return err
	}
	l.read(l.Identity())
	bounded, end := context.WithTimeout(ctx, renewDeadline/2) // well before the lease runs out
	defer end()
	other, err := l.displace(bounded)
	if err == nil && other == nil {
		l.hold(true)
		return nil
	}
	if err == nil {
		err = fmt.Errorf("lease %s is held by %s, which works on shards of another number", other.Name, holder(other))
	}
	record.HolderIdentity, record.LeaseDurationSeconds = "", 1
	if back := l.Interface.Update(context.WithoutCancel(ctx), record); back != nil {
		return fmt.Errorf("%w; giving %s back: %w", err, l.Describe(), back)
	}
	l.read("")
	return err
}

// displace returns a lease of another division that is held; nil: there is none, and what holders that have died have
// left is written over.
func (o *others) displace(ctx context.Context) (*coordinationv1.Lease, error) {
	held, dead, err := o.look(ctx)
	if held != nil || err != nil {
		return held, err
	}
	return o.writeOver(ctx, dead)
}

// writeOver has nobody hold these leases. Who was only suspended cannot renew its own any more, and ends. It returns
// one that has just been renewed; nil: there is none.
func (o *others) writeOver(ctx context.Context, dead []*coordinationv1.Lease) (*coordinationv1.Lease, error) {
	for _, lease := range dead {
		was := lease.DeepCopy()
		lease.Spec.HolderIdentity = new(replaced + o.identity)
		lease.Spec.RenewTime = new(metav1.NewMicroTime(o.now())) // whoever had it waits for as long as it is valid
		switch _, err := o.leases.Update(ctx, lease, metav1.UpdateOptions{}); {
		case apierrors.IsConflict(err):
			return was, nil // it has just been renewed
		case client.IgnoreNotFound(err) != nil:
			return nil, fmt.Errorf("writing over lease %s, whose holder %s has died: %w", lease.Name, holder(was), err)
		}
	}
	return nil, nil
}

// look returns a lease of another division that is held, if there is one, and those that their holders left as theirs.
func (o *others) look(ctx context.Context) (held *coordinationv1.Lease, dead []*coordinationv1.Lease, err error) {
	asked := o.now()
	all, err := o.leases.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("looking for processes with another number of shards, for which the operator has "+
			"to be allowed to list leases in its own namespace: %w", err)
	}
	for i := range all.Items {
		lease := &all.Items[i]
		n, name := divisionOf(lease.Name), holder(lease)
		switch {
		case n == 0 || n == o.division || name == "" || strings.HasPrefix(name, replaced):
		case o.isAlive(lease, asked):
			held = lease
		default:
			dead = append(dead, lease)
		}
	}
	return held, dead, nil
}

// isAlive reports whether the holder of a lease may be at work: it was not watched here standing still for as long as
// it was taken for. What it says of the time is another machine's, and not believed.
func (o *others) isAlive(lease *coordinationv1.Lease, asked time.Time) bool {
	spec := lease.Spec
	if spec.RenewTime == nil || spec.LeaseDurationSeconds == nil {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	is := holder(lease) + " " + spec.RenewTime.String()
	was, known := o.seen[lease.Name]
	if !known || was.renewal != is {
		was = seen{is, o.now()}
		o.seen[lease.Name] = was
	}
	return asked.Sub(was.at) <= time.Duration(*spec.LeaseDurationSeconds)*time.Second
}

func holder(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func (l *Lock) holds() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}

func (l *Lock) hold(held bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
}

// read notes who has the lease.
func (l *Lock) read(holder string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = holder
}

func (l *Lock) lastHolder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

// tell says in the log whom the process waits for, once.
func (o *others) tell(lease string, other *coordinationv1.Lease) {
	name := ""
	if other != nil {
		name = other.Name
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told == name {
		return
	}
	o.told = name
	if other != nil {
		ctrl.Log.WithName("setup").Info(
			"waiting for the end of a process with another number of shards: both would work on some of the Instances",
			"lease", lease, "other", name, "holder", holder(other),
		)
	}
}
