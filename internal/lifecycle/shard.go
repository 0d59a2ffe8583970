package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Shard is the part of a fleet that one process works on: some of the servers, each with all that is in it. The zero
// Shard is the whole fleet.
type Shard struct {
	// Index is the number of this one, from 0, and Of how many there are.
	Index, Of int
}

// ParseShard reads "i/n". Shards are counted from 0, so that the only one is 0/1.
func ParseShard(text string) (Shard, error) {
	var s Shard
	if n, _ := fmt.Sscanf(text, "%d/%d", &s.Index, &s.Of); n != 2 || fmt.Sprintf("%d/%d", s.Index, s.Of) != text {
		return Shard{}, fmt.Errorf("shard %q is not of the form i/n, such as 0/2", text)
	}
	if s.Index < 0 || s.Index >= s.Of {
		return Shard{}, fmt.Errorf("there is no shard %s: they are counted from 0, so that two are 0/2 and 1/2", text)
	}
	return s, nil
}

// String is what ParseShard reads.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Index, max(s.Of, 1)) }

func (s Shard) whole() bool { return s.Of <= 1 }

// Has reports whether a server is in the shard. That hangs on its name alone, and is the same in all processes and
// versions: two that do not agree would both work on it.
func (s Shard) Has(server types.NamespacedName) bool {
	if s.whole() {
		return true
	}
	sum := sha256.Sum256([]byte(server.String()))
	return binary.BigEndian.Uint64(sum[:])%uint64(s.Of) == uint64(s.Index)
}

// errElsewhere ends the pass of an object that is another shard's, as is found out when it is to be let go.
var errElsewhere = errors.New("the object is another shard's")

// mine reports whether an object is this process's to work on: whether its server, by the objects that contain it, is
// in the shard. Only that process has a connection to the server. An object that stands in nothing yet, or no more, is
// with the process whose shard has what is missing on the way, until that appears.
//
// It asks the cache, and the API server only before it takes what is missing for missing.
func (e *Engine) mine(ctx context.Context, k *entry, obj Object) (to way, is bool, err error) {
	if e.Shard.whole() {
		return way{}, true, nil
	}
	to, err = e.follow(ctx, e.Client, k, obj)
	if !e.Shard.Has(to.end) || err != nil || to.missing == nil {
		return to, e.Shard.Has(to.end), nil // what cannot be read, the pass will say
	}
	err = e.Live.Get(ctx, to.end, to.missing)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) { // what may not be read, no cache will bring either
		return to, true, nil
	}
	if err == nil {
		err = errElsewhere // or here, as the cache will say when it has caught up
	}
	return to, false, err
}

// confirmMine fails unless the object is this process's by what the API server says. Two caches that are apart can lead
// to two servers, and to let go of what is in the other one would leave it there.
func (p *pass[T, R]) confirmMine(ctx context.Context) error {
	if p.Shard.whole() {
		return nil
	}
	// What no cache has, such as what is in a namespace that is not watched, leads all processes to the same one.
	if _, err := p.follow(ctx, p.Client, p.entry, p.obj); err != nil {
		return nil
	}
	switch to, err := p.follow(ctx, p.Live, p.entry, p.obj); {
	case err != nil && (!apierrors.IsForbidden(err) || !p.Shard.Has(to.end)):
		return err // what may not be read has no other shard than what is missing
	case !p.Shard.Has(to.end):
		return errElsewhere
	}
	return nil
}

// way is how it goes from an object to its server.
type way struct {
	// end is the server, or what is missing on the way there, of which missing is an empty object; nil: nothing is.
	end     types.NamespacedName
	missing Object
	// place is the same as long as the object and all that it is in are: none of them can come to another server.
	place string
	// made is when the youngest of those that it is in was made.
	made metav1.Time
}

// follow goes from an object to what contains it, and so on up to its server, which need not be there: its name says
// all.
func (e *Engine) follow(ctx context.Context, from client.Reader, k *entry, obj Object) (to way, err error) {
	to.end, to.place = client.ObjectKeyFromObject(obj), string(obj.GetUID())
	for k.in != "" {
		to.end, k = k.parentOf(obj), e.named(k.in)
		if k.in == "" {
			break
		}
		obj = k.object.DeepCopyObject().(Object)
		if err := from.Get(ctx, to.end, obj); err != nil {
			if apierrors.IsNotFound(err) {
				to.missing = obj
				to.place += "/"
				return to, nil
			}
			return to, err
		}
		to.place += "/" + string(obj.GetUID())
		if at := obj.GetCreationTimestamp(); to.made.Before(&at) {
			to.made = at
		}
	}
	return to, nil
}

// arrival is when this process came to work on an object where that is now.
type arrival struct {
	place string
	at    *metav1.Time
}

// arrive notes where an object is. In another place than before, other processes may have been at it meanwhile, so that
// nothing is certain any more of what only this one knew.
func (r *Reconciler[T, R]) arrive(key types.NamespacedName, to way) {
	if r.Shard.whole() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.arrived[key].place == to.place {
		return
	}
	if r.arrived == nil {
		r.arrived = map[types.NamespacedName]arrival{}
	}
	r.arrived[key] = arrival{to.place, r.now()}
	delete(r.statusless, key)
}

// othersSent is until when another process may have sent something for an object of which this one knows no more.
func (p *pass[T, R]) othersSent() *metav1.Time {
	if p.kept { // this one has, and may have forgotten when
		return p.obj.GetDeletionTimestamp()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if came, ok := p.arrived[client.ObjectKeyFromObject(p.obj)]; ok {
		return came.at
	}
	return p.began()
}

// leave forgets an object that is not this process's any more, if it was: its series are another's to tell. As long as
// that is not certain, it looks again.
func (r *Reconciler[T, R]) leave(key types.NamespacedName, call string, err error) (ctrl.Result, error) {
	if errors.Is(err, errElsewhere) {
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	r.mu.Lock()
	_, came := r.arrived[key]
	_, seen := r.seen[key]
	_, failing := r.failures[key]
	r.mu.Unlock()
	if came || seen || failing {
		r.forget(key)
		r.Connections.Cancel(call)
	}
	return ctrl.Result{}, nil
}
